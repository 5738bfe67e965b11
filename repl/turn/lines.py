"""Events of a turn as lines, shared by the shell, the plain prompt and ``--task``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

from aloop.agent.events import AgentEvent, Retrying, ThoughtDelta, ToolFinished, ToolStarted
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.permissions import Form
from aloop.sanitize import exact_line, safe_line, safe_text
from aloop.tools.base import ToolResult
from aloop.width import wrap
from repl.output.styled import Line, line
from repl.output.theme import Style

MOST_ARGUMENT_LINES = 40
MOST_RESULT_LINES = 200

_INDENT = "  "
_MINUTE = 60  # seconds
_LONGEST_LINE = 1_000
_LONGEST_ARGUMENT = 60
_LONGEST_RUNNING = 40  # leaves room for the time and for how to stop
_LONGEST_RESULT = 200
_LONGEST_REASON = 38  # leaves room, in 80 columns, for how to stop
_DIFF_LINES = 40
_OUTPUT_LINES = 10


def started_text(event: ToolStarted) -> str:
    """Return the name of a running tool and its main argument, as safe text."""
    return f"{safe_line(event.call.name)} {_cut(safe_line(event.headline), _LONGEST_RUNNING)}".rstrip()


def finished_line(event: ToolFinished) -> Line:
    """Return a tool call, its duration and the start of its result as one safe line."""
    argument = _cut(safe_line(event.headline), _LONGEST_ARGUMENT)
    rows = event.result.text.strip().split("\n")
    # The result of a command ends with its exit code in brackets.
    first = rows[-1].strip("[]") if event.result.form == "output" else rows[0]
    shown = _cut(safe_line(first), _LONGEST_RESULT) + (" …" if len(rows) > 1 and event.result.form == "text" else "")
    return line(
        (Style.BAD if event.result.is_error else Style.ACCENT, "● "),
        safe_line(event.call.name) + (f" {argument}" if argument else ""),
        (Style.QUIET, f" … {event.seconds:.1f}s → "),
        (Style.BAD if event.result.is_error else Style.PLAIN, shown or "(no output)"),
    )


def finished_lines(event: ToolFinished, *, verbose: bool) -> list[Line]:
    """Return a finished call, if ``verbose`` with its arguments and whole result."""
    if not verbose:
        return [finished_line(event)]
    result = event.result
    return [finished_line(event), *argument_lines(event.call), *whole_result_lines(result.text, result.form)]


def seconds_text(seconds: float) -> str:
    """Return a duration as in ``0.3 s``, ``4 s`` or ``2 min 5 s``."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < _MINUTE else f"{whole // _MINUTE} min {whole % _MINUTE} s"


def waiting_text(what: str) -> str:
    """Return what an answer waits for as a sentence."""
    return f"{what[:1].upper()}{what[1:]} …"


def retrying_text(event: Retrying) -> str:
    """Return the reason for a retry, the seconds left and the number of the try.

    The text is empty when the wait is over.
    """
    if event.left <= 0:
        return ""
    reason = _cut(safe_line(str(event.error)).partition(". ")[0].rstrip("."), _LONGEST_REASON)
    return f"{reason}: retry in {math.ceil(event.left)} s ({event.number}/{event.tries})"


def result_lines(result: ToolResult, width: int | None = None) -> list[Line]:
    """Return the lines below a call: the start of a diff, or the end of an output.

    A diff is wrapped in ``width`` cells if that is not None.
    """
    rows = result.text.strip("\n").split("\n")
    if result.form == "diff":
        return _diff(rows[1:], width, _DIFF_LINES)
    if result.form != "output":
        return []
    printed = rows[:-1]
    shown = [row.rpartition("\r")[2] for row in printed[-_OUTPUT_LINES:]]  # progress bars overwrite their line
    if len(printed) > _OUTPUT_LINES:
        shown.insert(0, f"… {len(printed) - _OUTPUT_LINES:,} earlier lines")
    return [line((Style.QUIET, f"{_INDENT}{_cut(row, _LONGEST_RESULT)}")) for row in shown]


def argument_lines(call: ToolCall) -> list[Line]:
    """Return the arguments of a call, at least one line each."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return _capped([line((Style.QUIET, _INDENT), row) for row in _rows(call.arguments)], MOST_ARGUMENT_LINES)
    lines: list[Line] = []
    for name, value in arguments.items():
        first, *others = _rows(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        lines.append(line((Style.QUIET, f"{_INDENT}{safe_line(name)}: "), first))
        lines += [line(f"{_INDENT * 2}{row}") for row in others]
    return _capped(lines, MOST_ARGUMENT_LINES)


def whole_result_lines(text: str, form: Form = "text", width: int | None = None) -> list[Line]:
    """Return a whole result, or its start if it is very long."""
    rows = text.strip("\n").split("\n")
    if form == "diff":
        return _diff(rows[1:], width, MOST_RESULT_LINES)
    return _capped([line((Style.QUIET, f"{_INDENT}{row}")) for row in _rows("\n".join(rows))], MOST_RESULT_LINES)


def _diff(rows: list[str], width: int | None, most: int) -> list[Line]:
    # Imported here: it takes as long as the rest of the shell, which --plain need not wait for.
    from repl.output.diff import diff_lines

    left_out = len(rows) - most
    if left_out <= 0:
        return diff_lines(rows, width, exact_line)
    more = line((Style.QUIET, f"{_INDENT}… {left_out:,} more lines"))
    return [*diff_lines(rows[:most], width, exact_line), more]


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


class ThinkingBuffer:
    """Collects the thinking of a model, for output that cannot be redrawn.

    ``width`` returns the width of a row; without it, lines may have any length.
    """

    def __init__(self, width: Callable[[], int] | None = None) -> None:
        self._text = ""
        self._width = width

    def take(self, event: AgentEvent) -> list[Line]:
        """Take the next event; return the lines of the thinking that it ends, if any."""
        if isinstance(event, ThoughtDelta):
            self._text += event.text
            return []
        text, self._text = safe_text(self._text).strip("\n"), ""
        if not text.strip():
            return []
        rows = text.split("\n") if self._width is None else wrap(text, self._width() - len(_INDENT))
        return [line(f"{_INDENT}{row}".rstrip()) for row in rows]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _rows(text: str) -> list[str]:
    return [_cut(row, _LONGEST_LINE) for row in safe_text(text).split("\n")]


def _capped(lines: list[Line], most: int) -> list[Line]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], line((Style.QUIET, f"{_INDENT}… {len(lines) - most + 1:,} more lines"))]
