"""The steps of a turn, one line each; shared by the shell, the plain prompt and ``--task``.

A tool call with all that went in and came out: what /verbose shows.

What the model thinks, for streams on which nothing can be drawn over: each thought once it is whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence

from aloop.agent.events import AgentEvent, Retrying, ThoughtDelta, ToolFinished, ToolStarted
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.permissions import Form
from aloop.sanitize import safe_line, safe_text
from aloop.tools.base import ToolResult
from aloop.width import wrap
from repl.output.styled import Line, Style, line
from repl.turn.permission import diff_lines

_HEADLINE = 60
_RUNNING = 40  # beside it stands for how long, and how to stop it
_RESULT = 200
_REASON = 38  # what leaves room, on 80 columns, for how to stop it
_OUTPUT = 10
_DIFF = 40
_OVER = "\r"  # what stands before it on a line was written over


def started_text(event: ToolStarted) -> str:
    """Return what is running, as safe text."""
    return f"{safe_line(event.call.name)} {_cut(safe_line(event.headline), _RUNNING)}".rstrip()


def finished_line(event: ToolFinished) -> Line:
    """Return what ran, for how long, and the first line of what came of it; safe, and a single line."""
    headline = _cut(safe_line(event.headline), _HEADLINE)
    rows = event.result.text.strip().split("\n")
    # Of a command the end says how it went, and is in brackets.
    first = rows[-1].strip("[]") if event.result.form == "output" else rows[0]
    shown = _cut(safe_line(first), _RESULT) + (" …" if len(rows) > 1 and event.result.form == "text" else "")
    return line(
        (Style.BAD if event.result.is_error else Style.ACCENT, "● "),
        safe_line(event.call.name) + (f" {headline}" if headline else ""),
        (Style.QUIET, f" … {event.seconds:.1f}s → "),
        (Style.BAD if event.result.is_error else Style.PLAIN, shown or "(nothing)"),
    )


def waiting_text(what: str) -> str:
    """Return as a sentence of its own what an answer waits for."""
    return f"{what[:1].upper()}{what[1:]} …"


def retrying_text(event: Retrying) -> str:
    """Return why there is a wait, for how much longer and for which try; empty once it is over."""
    if event.left <= 0:
        return ""
    reason = _cut(safe_line(str(event.error)).partition(". ")[0].rstrip("."), _REASON)
    return f"{reason}: again in {math.ceil(event.left)} s ({event.number}/{event.tries})"


def result_lines(result: ToolResult) -> list[Line]:
    """Return what of a result is worth more than one line: a change, or the end of what a command printed."""
    rows = result.text.strip("\n").split("\n")
    if result.form == "diff":
        return _beginning(diff_lines(rows[1:]))
    if result.form == "output" and len(rows) > 1:
        printed = rows[:-1]
        more = f"  … {len(printed) - _OUTPUT:,} lines before that"
        above = [line((Style.QUIET, more))] if len(printed) > _OUTPUT else []
        return [
            *above,
            *(line((Style.QUIET, f"  {_cut(row.rpartition(_OVER)[2], _RESULT)}")) for row in printed[-_OUTPUT:]),
        ]
    return []


def _beginning(lines: list[Line]) -> list[Line]:
    if len(lines) <= _DIFF:
        return lines
    return [*lines[: _DIFF - 1], line((Style.QUIET, f"  … {len(lines) - _DIFF + 1:,} more lines"))]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


MOST_ARGUMENT_LINES = 40
MOST_RESULT_LINES = 200
_LONGEST_LINE = 1_000


def argument_lines(call: ToolCall) -> list[Line]:
    """Return the arguments of a call, a line or more for each."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return _capped([line((Style.QUIET, "  "), row) for row in _rows(call.arguments)], MOST_ARGUMENT_LINES)
    lines: list[Line] = []
    for name, value in arguments.items():
        first, *others = _rows(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        lines.append(line((Style.QUIET, f"  {safe_line(name)}: "), first))
        lines += [line(f"    {row}") for row in others]
    return _capped(lines, MOST_ARGUMENT_LINES)


def whole_result_lines(text: str, form: Form = "text") -> list[Line]:
    """Return a result, all of it unless it is very long."""
    rows = text.strip("\n").split("\n")
    if form == "diff":
        return _capped(diff_lines(rows[1:]), MOST_RESULT_LINES)
    return _capped([line((Style.QUIET, f"  {row}")) for row in _rows(text.strip("\n"))], MOST_RESULT_LINES)


def finished_lines(event: ToolFinished, *, verbose: bool) -> list[Line]:
    """Return a call that has ended, as it is told where there is no screen: one line, or all of it."""
    if not verbose:
        return [finished_line(event)]
    result = event.result
    return [finished_line(event), *argument_lines(event.call), *whole_result_lines(result.text, result.form)]


def call_lines(messages: Sequence[LLMMessage]) -> list[Line]:
    """Return the tool calls in ``messages``, each with its arguments and its result."""
    results = {message.tool_call_id: message for message in messages if message.role == "tool"}
    lines: list[Line] = []
    for call in (call for message in messages for call in message.tool_calls):
        lines += [line((Style.ACCENT, "● "), safe_line(call.name)), *argument_lines(call)]
        if (result := results.get(call.id)) is not None:
            tone = Style.BAD if result.is_error else Style.QUIET
            lines += [line((tone, "  →")), *whole_result_lines(result.content or "")]
    return lines


def _rows(text: str) -> list[str]:
    rows = safe_text(text).split("\n")
    return [row if len(row) <= _LONGEST_LINE else row[: _LONGEST_LINE - 1] + "…" for row in rows]


def _capped(lines: Iterable[Line], most: int) -> list[Line]:
    shown = list(lines)
    if len(shown) <= most:
        return shown
    return [*shown[: most - 1], line((Style.QUIET, f"  … {len(shown) - most + 1:,} more lines"))]


_INDENT = "  "


class ThinkingBuffer:
    """Is told of every event, in order; ``width`` is asked how wide a row may be, where it may not be of any width."""

    def __init__(self, width: Callable[[], int] | None = None) -> None:
        self._text = ""
        self._width = width

    def take(self, event: AgentEvent) -> list[Line]:
        """Return the lines of a thought that ``event`` puts an end to; none, for most events."""
        if isinstance(event, ThoughtDelta):
            self._text += event.text
            return []
        text, self._text = safe_text(self._text).strip("\n"), ""
        if not text.strip():
            return []
        return [line(f"{_INDENT}{row}".rstrip()) for row in self._rows(text)]

    def _rows(self, text: str) -> list[str]:
        if self._width is None:
            return text.split("\n")
        return wrap(text, self._width() - len(_INDENT))
