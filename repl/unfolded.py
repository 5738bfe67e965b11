"""A tool call with all that went in and came out: what /verbose shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from aloop.agent.events import ToolFinished
from aloop.consent import Form
from aloop.llm.message_types import LLMMessage, ToolCall
from repl.consent import diff_lines
from repl.sanitize import safe_line, safe_text
from repl.spans import Line, Tone, line
from repl.steps import finished_line

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
        return _capped([line((Tone.QUIET, "  "), row) for row in _rows(call.arguments)], MOST_ARGUMENT_LINES)
    lines: list[Line] = []
    for name, value in arguments.items():
        first, *others = _rows(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        lines.append(line((Tone.QUIET, f"  {safe_line(name)}: "), first))
        lines += [line(f"    {row}") for row in others]
    return _capped(lines, MOST_ARGUMENT_LINES)


def whole_result_lines(text: str, form: Form = "text") -> list[Line]:
    """Return a result, all of it unless it is very long."""
    rows = text.strip("\n").split("\n")
    if form == "diff":
        return _capped(diff_lines(rows[1:]), MOST_RESULT_LINES)
    return _capped([line((Tone.QUIET, f"  {row}")) for row in _rows(text.strip("\n"))], MOST_RESULT_LINES)


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
        lines += [line((Tone.ACCENT, "● "), safe_line(call.name)), *argument_lines(call)]
        if (result := results.get(call.id)) is not None:
            tone = Tone.BAD if result.is_error else Tone.QUIET
            lines += [line((tone, "  →")), *whole_result_lines(result.content or "")]
    return lines


def _rows(text: str) -> list[str]:
    rows = safe_text(text).split("\n")
    return [row if len(row) <= _LONGEST_LINE else row[: _LONGEST_LINE - 1] + "…" for row in rows]


def _capped(lines: Iterable[Line], most: int) -> list[Line]:
    shown = list(lines)
    if len(shown) <= most:
        return shown
    return [*shown[: most - 1], line((Tone.QUIET, f"  … {len(shown) - most + 1:,} more lines"))]
