"""Events of a turn as lines, shared by the shell, the plain prompt and ``--task``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence

from aloop.agent.events import AgentEvent, Retrying, ThoughtDelta, ToolFinished, ToolStarted
from aloop.formatting import quantity
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.permissions import Form
from aloop.sanitize import exact_line, safe_line, safe_text
from aloop.tools.base import ToolResult
from aloop.width import fit, wrap
from repl.output.notices import MARK
from repl.output.styled import Line, Span, fit_line, line, line_width
from repl.output.theme import Style
from repl.turn.outcomes import DIFF_LINES, count_hidden, first_row, leaves_out, output_tail, summary

MOST_ARGUMENT_LINES = 40
MOST_RESULT_LINES = 200

_INDENT = "  "
_RUNNING = (Style.ACCENT, "● ")
_MINUTE = 60  # seconds
_LEAST_SECONDS = 0.05  # of a duration that is shown
_LONGEST_LINE = 1_000
_LONGEST_ARGUMENT = 60
_LONGEST_RESULT = 200
_LONGEST_ENDING = 80
_WIDE = 60  # cells of a screen with room for the key
_SHORTEST_RESULT = 8  # cells of a result beside its call
_REASON_SHARE = 0.4  # of the row, for the reason of a failure
_LONGEST_REASON = 38  # leaves room, in 80 columns, for how to stop
_BESIDE_REASON = 80 - _LONGEST_REASON
_IN_PARENTHESES = re.compile(r"\s*\([^()]*\)")

VERBS = {
    "run_shell": "run",
    "read_file": "read",
    "write_file": "write",
    "edit_file": "edit",
    "list_files": "list",
    "search_files": "search",
    "calculator": "calculate",
}
"""The first word of a row about a call; for other tools, their name."""


def started_line(event: ToolStarted) -> Line:
    """Return the action of a call and its main argument, as safe spans."""
    return _named(event.call, event.headline, _LONGEST_LINE)


def finished_line(event: ToolFinished, width: int | None = None, key: str = "") -> Line:
    """Return a finished call, its duration and its result in a few words as one line.

    If it is wider than ``width`` cells, only the result and then the argument are cut. ``key`` shows all of a longer
    result, and is named if there is one.
    """
    shown_key = f" · {key}" if key and width and width >= _WIDE and has_more(event) else ""
    # Beside a result, there is room only for the start of a long argument.
    longest = _LONGEST_LINE if width and event.result.form == "output" else _LONGEST_ARGUMENT
    named = _named(event.call, event.headline, longest)
    return _finished(event.call.name, event.result, named, width, shown_key, _spent(event))


def _spent(event: ToolFinished) -> Line:
    """Return the duration of a call, nothing if it is too short to matter."""
    return line((Style.QUIET, f"  {event.seconds:.1f}s")) if event.seconds >= _LEAST_SECONDS else ()


def stored_lines(call: ToolCall, result: LLMMessage | None, width: int | None) -> list[Line]:
    """Return a call of a stored conversation, and below it the start of its result.

    It looks as when it ran, without the time, which is not stored.
    """
    if result is None:
        return [stored_call(call, None)]
    stored = _stored(result)
    named = _named(call, call.brief, _LONGEST_ARGUMENT)
    return [_finished(call.name, stored, named, width), *result_lines(stored, width)]


def stored_call(call: ToolCall, result: LLMMessage | None) -> Line:
    """Return only the call, with the mark of its result."""
    mark = _RUNNING if result is None else _mark(is_error=result.is_error)
    return line(mark, *_named(call, call.brief, _LONGEST_LINE))


def stored_result(result: LLMMessage, width: int | None) -> list[Line]:
    """Return only the start of the result of a call, for the rows below that call."""
    stored = _stored(result)
    first = _outcome(result.name or "", stored)
    head = line(" ", *first)
    shown = [head if width is None else fit_line(head, width)] if "".join(text for _, text in first) else []
    return [*shown, *result_lines(stored, width)]


def finished_text(event: ToolFinished, *, is_whole: bool = False) -> str:
    """Return a finished call in words, for a screen reader and for files.

    If the result ``is_whole`` below, the lines that are left out are not counted.
    """
    result = event.result
    named = "".join(text for _, text in _named(event.call, event.headline, _LONGEST_ARGUMENT))
    words = summary(event.call.name, result, in_words=True)
    more = count_hidden(event.call.name, result) if result.form == "text" and not is_whole and not words else 0
    notes = [f"{quantity(more, 'more line')}"] if more else []
    notes += [f"{event.seconds:.1f} s"] if event.seconds >= _LEAST_SECONDS else []
    about = f" ({', '.join(notes)})" if notes else ""
    return f"{named}{' failed' if result.is_error else ''}: {words or first_row(result)}{about}"


def finished_lines(event: ToolFinished, *, verbose: bool) -> list[Line]:
    """Return a finished call in words, if ``verbose`` with its arguments and result."""
    head = line(finished_text(event, is_whole=verbose))
    if not verbose:
        return [head]
    result = event.result
    return [head, *argument_lines(event.call), *whole_result_lines(result.text, result.form)]


def output_head(call: ToolCall) -> Line:
    """Return the name of a call, for above its output."""
    return line(*_named(call, call.brief, _LONGEST_ARGUMENT), ":")


def has_more(event: ToolFinished) -> bool:
    """Return True if the row of a call and those below leave a part of it out."""
    return leaves_out(event.call.name, event.result)


def _named(call: ToolCall, argument: str, longest: int) -> Line:
    """Return the action of a call and its argument."""
    shown = _cut(safe_line(argument), longest)
    return line((Style.STRONG, safe_line(VERBS.get(call.name, call.name))), f" {shown}" if shown else "")


def _mark(*, is_error: bool) -> Span:
    return (Style.BAD, MARK) if is_error else (Style.GOOD, "✓ ")


def _finished(name: str, result: ToolResult, named: Line, width: int | None, key: str = "", spent: Line = ()) -> Line:
    """Return the line of a call: mark, name, time, result, what is left, and ``key``."""
    *outcome, count = _outcome(name, result)
    count = (Style.QUIET, f"{count[1]}{key}")
    head = line(_mark(is_error=result.is_error), *named)
    if width is None:
        return (*head, *spent, *outcome, count)
    # A summary or an exit code is short, and matters more than the end of the argument.
    is_short = result.form == "output" or bool(summary(name, result))
    kept = (*outcome, count) if is_short else (count,)
    # So does the start of a reason.
    reason = min(line_width(tuple(outcome)), int(width * _REASON_SHARE)) if result.is_error and not is_short else 0
    head = (*fit_line(head, width - line_width((*spent, *kept)) - reason), *spent)
    room = width - line_width(head) - line_width(kept)
    fits = not is_short and room >= _SHORTEST_RESULT
    return (*head, *(fit_line(tuple(outcome), room) if fits else ()), *kept)


def _outcome(name: str, result: ToolResult) -> list[Span]:
    """Return a result in a few words, and last the number of the lines left out."""
    if words := summary(name, result):
        more = count_hidden(name, result) if result.form != "text" else 0
        return [(Style.QUIET, f"  {words}"), _more(more)]
    count = _more(count_hidden(name, result))
    tone = Style.BAD if result.is_error else Style.PLAIN
    if result.form != "output":
        return [(Style.QUIET, " → "), (tone, first_row(result)), count]
    return [(tone, f"  {first_row(result)}"), count] if result.is_error else [count]


def _more(count: int) -> Span:
    return (Style.QUIET, f"  +{quantity(count, 'line')}" if count else "")


_ENDING = re.compile(r"\[(?:exit code -?\d+(?: \(SIG[A-Z]+\))?|ended by SIG[A-Z]+|Stopped: [^\n]*)\]\Z")


def _stored(message: LLMMessage) -> ToolResult:
    """Return a stored result with its form, which is not stored."""
    text = (message.content or "").rstrip("\n")
    form: Form = "text"
    if message.name == "run_shell" and _ENDING.search(text[-_LONGEST_ENDING:]):
        form = "output"
    elif message.name in {"write_file", "edit_file"} and text.partition("\n")[2].startswith("--- "):
        form = "diff"
    return ToolResult(text, bool(message.is_error), form, permission=message.permission)


def seconds_text(seconds: float) -> str:
    """Return a duration as in ``0.3 s``, ``4 s`` or ``2 min 5 s``."""
    if seconds < _LEAST_SECONDS:
        return "a moment"
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < _MINUTE else f"{whole // _MINUTE} min {whole % _MINUTE} s"


def waiting_text(what: str) -> str:
    """Return what an answer waits for as a sentence."""
    return f"{what[:1].upper()}{what[1:]} …"


def retrying_text(event: Retrying, *, is_short: bool = False, width: int = 0) -> str:
    """Return the reason for a retry, the seconds left and the number of the try.

    The text is empty when the wait is over. If it ``is_short``, details of a reason that is long for
    ``width`` are left out, and it comes last, where a narrow window cuts the text.
    """
    if event.left <= 0:
        return ""
    reason = safe_line(str(event.error)).partition(". ")[0].rstrip(".")
    longest = max(_LONGEST_REASON, width - _BESIDE_REASON)
    if is_short and len(reason) > longest:
        reason = _cut(_IN_PARENTHESES.sub("", reason), longest)
    reason = _cut(reason, _LONGEST_LINE)
    wait = f"retry in {math.ceil(event.left)} s ({event.number}/{event.tries})"
    return f"{wait}: {reason}" if is_short else f"{reason}: {wait}"


def result_lines(result: ToolResult, width: int | None = None) -> list[Line]:
    """Return the lines below a call: the start of a diff, or the end of an output.

    A diff is wrapped in ``width`` cells if that is not None.
    """
    rows = result.text.strip("\n").split("\n")
    if result.form == "diff":
        return _diff(rows, width, DIFF_LINES)
    room = (width or _LONGEST_RESULT) - len(_INDENT)
    return [line((Style.QUIET, f"{_INDENT}{fit(row, room)}")) for row in output_tail(result)]


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


def block_lines(event: ToolFinished, width: int | None) -> list[Line]:
    """Return all of a call: its line, its arguments and its whole result."""
    result = event.result
    whole = whole_result_lines(result.text, result.form, width, result.text.count("\n") + 1)
    named = _named(event.call, event.headline, _LONGEST_ARGUMENT)
    head = line(_mark(is_error=result.is_error), *named, *_spent(event))
    return [head, *argument_lines(event.call), *whole]


def whole_result_lines(
    text: str, form: Form = "text", width: int | None = None, most: int = MOST_RESULT_LINES
) -> list[Line]:
    """Return a whole result, or its start if it is longer than ``most`` lines."""
    rows = text.strip("\n").split("\n")
    if form == "diff":
        return _diff(rows, width, most)
    return _capped([line((Style.QUIET, f"{_INDENT}{row}")) for row in _rows("\n".join(rows))], most)


def _diff(result: list[str], width: int | None, most: int) -> list[Line]:
    """Return the start of the diff in a result, with a title if the path differs."""
    # Imported here: it takes as long as the rest of the shell, which --plain need not wait for.
    from repl.output.diff import diff_lines

    first, *rows = result
    has_titles = not (rows[1:] and first.startswith(f"Changed {rows[1].removeprefix('+++ ')}: "))
    left_out = len(rows) - most
    if left_out <= 0:
        return diff_lines(rows, width, exact_line, has_titles=has_titles)
    more = line((Style.QUIET, f"{_INDENT}… {left_out:,} more lines"))
    return [*diff_lines(rows[:most], width, exact_line, has_titles=has_titles), more]


def call_lines(messages: Sequence[LLMMessage]) -> list[Line]:
    """Return the tool calls in ``messages``, each with its arguments and its result."""
    results = {message.tool_call_id: message for message in messages if message.role == "tool"}
    lines: list[Line] = []
    for call in (call for message in messages for call in message.tool_calls):
        result = results.get(call.id)
        mark = _RUNNING if result is None else _mark(is_error=result.is_error)
        lines += [line(mark, safe_line(call.name)), *argument_lines(call)]
        if result is not None:
            lines += [line((Style.QUIET, "  →")), *whole_result_lines(result.content or "")]
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
