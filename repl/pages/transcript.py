"""Stored messages as text: conversations, reminders and search results.

A whole conversation has the message numbers in its margin. They count from 1, as in the commands that take message
numbers; system messages have none.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from aloop.errors import Problem
from aloop.export.facts import time_text
from aloop.formatting import age
from aloop.llm.content.parts import marked_text
from aloop.llm.layout import text_with_sources
from aloop.llm.message_types import LLMMessage
from aloop.memory import Session
from aloop.memory.annotations import annotation_text
from aloop.memory.search.search import Hit, said_in
from aloop.sanitize import safe_line, safe_text
from aloop.width import fit, text_width, wrap
from commands.attachments import folded
from repl.output.notices import notice_lines
from repl.output.styled import BAR, CONTINUATION, PROMPT, Line, fit_line, line, user_lines
from repl.output.theme import Style
from repl.turn.lines import stored_call, stored_lines, stored_result

REMINDER_LINES = 6
"""Lines of each message in a reminder, except for the last one."""

LAST_LINES = 40
"""Lines of the last message in a reminder, which is where the user continues."""

MOST_ROWS = 1_000
"""Screen rows of each message in a whole conversation; the rest is in the file."""

_SYSTEM_LINES = 2
_COLUMNS = 80  # of a screen row, where lines may have any length
_LONGEST_LINE = 1_000  # characters of a tool call or its result in one line
_NARROWEST = 20
_STATES = {
    # by skip and summary
    (True, False): "(skipped: not sent to the model)",
    (False, True): "(a summary: nothing above it is sent)",
    (True, True): "(a skipped summary: not sent to the model)",
}
_NEIGHBORS = 2
_EXCERPT = 20_000  # characters of a message of which the context of a search result is made
_CONTEXT_LINES = 4
"""Lines shown of a search result, before and after its best line, and of each neighboring message."""


@dataclass(frozen=True, slots=True)
class Paper:
    """The medium that pages are written on.

    ``list_width`` is the width of lists; ``width`` that of conversations, None for lines of any length. ``write``
    turns lines into text, ``answer`` the Markdown of a model, for a width or for the default one. ``gap`` is printed
    around short pages.
    """

    list_width: int
    width: int | None
    write: Callable[[Iterable[Line]], str]
    answer: Callable[[str, int | None], str]
    gap: str = ""

    def inside(self, margin: int) -> int | None:
        """Return the width to the right of a margin."""
        return None if self.width is None else max(self.width - margin, _NARROWEST)


def message_lines(message: LLMMessage, most: int | None = None, width: int | None = None) -> list[Line]:
    """Return a message as lines, at most ``most`` screen rows of its text.

    A tool result takes a few lines.
    """
    content = marked_text(message.content, message.parts)
    text = safe_text(content).strip("\n")
    if message.role == "user":
        text = safe_text(folded(content)).strip("\n")
        # A screen reader would read the bar aloud.
        bar = CONTINUATION if width is None else BAR
        return user_lines(_wrapped(text, most or MOST_ROWS, width, len(PROMPT)), bar)
    if message.role == "system":
        return _prefixed(_wrapped(text, _SYSTEM_LINES, width, 8), "system: ", Style.QUIET)
    if message.role == "tool":
        return stored_result(message, width)
    shown = shortened(text.split("\n"), most or MOST_ROWS, width) if text else []
    return [*(line(row) for row in shown), *_after_answer(message)]


def _after_answer(message: LLMMessage) -> list[Line]:
    """Return the lines below an answer: a note if interrupted, and its tool calls."""
    return [*_interrupted(message), *(stored_call(call, None) for call in message.tool_calls)]


def _interrupted(message: LLMMessage) -> list[Line]:
    return [line((Style.QUIET, "(interrupted)"))] if message.interrupted else []


def reminder(messages: Sequence[LLMMessage], paper: Paper) -> Iterator[str]:
    """Yield messages as they looked when they were new, all but the last shortened.

    A blank line separates the text of an answer from all else.
    """

    def answer(message: LLMMessage) -> str:
        return _answer(message, LAST_LINES if message is messages[-1] else REMINDER_LINES, paper)

    yield paper.gap
    for is_apart, part in turn_parts(messages, paper.width, answer, REMINDER_LINES):
        yield ("\n" if is_apart else "") + (part if isinstance(part, str) else paper.write(part))
    yield paper.gap


def _answer(message: LLMMessage, most: int, paper: Paper, width: int | None = None) -> str:
    """Return the text of an answer as Markdown, at most ``most`` rows of its source."""
    rows = text_with_sources(message).strip("\n").split("\n")
    kept, left = _split(rows, most, paper.width if width is None else width)
    # The note is not a part of the answer: there, it could become a row of a table.
    return paper.answer("\n".join(kept), width) + paper.write(_left_out(left))


Shown = TypeVar("Shown")


def turn_parts(
    messages: Sequence[LLMMessage], width: int | None, answer: Callable[[LLMMessage], Shown], most: int | None = None
) -> Iterator[tuple[bool, Shown | list[Line]]]:
    """Yield messages in parts, as they looked when they were new.

    Each result is in the part of its call. True comes with a part that a blank line separates from the one before.
    ``answer`` draws the text of an answer; other texts have at most ``most`` rows.
    """
    results = {message.tool_call_id: message for message in messages if message.role == "tool"}
    calls = {call.id for message in messages for call in message.tool_calls}
    last = text = ""
    for message in messages:
        if message.role == "tool" and message.tool_call_id in calls:
            continue  # it is below its call
        kind = _kind(message)
        is_apart, last = bool(_gap(last, kind)), kind
        # Without it, a summary would look like words of the user, and a skipped message like a sent one.
        before, text = text, _STATES.get((message.skip, message.summary), "")
        is_repeated = kind == _STEP and text == before  # in consecutive tool calls
        state = _fitted([line((Style.QUIET, text))], width) if text and not is_repeated else []
        if message.role != "assistant":
            yield is_apart, state + message_lines(message, most, width)
            continue
        if state:
            yield is_apart, state
            is_apart = False
        if text_with_sources(message).strip("\n"):
            yield is_apart, answer(message)
            is_apart = False
        if lines := _interrupted(message):
            yield is_apart, lines
            is_apart = False
        for call in message.tool_calls:
            is_apart, last = is_apart or last != _STEP, _STEP
            yield is_apart, _fitted(stored_lines(call, results.get(call.id), width), width)
            is_apart = False


_USER, _TEXT, _STEP = "user", "text", "step"


def _kind(message: LLMMessage) -> str:
    if message.role == "assistant":
        return _TEXT if (message.content or "").strip() or message.interrupted else _STEP
    return _STEP if message.role == "tool" else _USER


def _gap(last: str, kind: str) -> str:
    """Return a blank line if one separates the two: all but consecutive tool calls."""
    return "\n" if last and not last == kind == _STEP else ""


def conversation(session: Session, paper: Paper, now: datetime) -> Iterator[str]:
    """Yield a conversation, one safe piece per message, each ending with a line feed."""
    count = len(session.messages)
    facts = [f"{count:,} {'message' if count == 1 else 'messages'}", age(session.updated_at, now), session.model or ""]
    head = line((Style.STRONG, f"{session.id} · {safe_line(session.title) or '(no title)'}"))
    below = line((Style.QUIET, " · ".join(safe_line(fact) for fact in facts if fact)))
    warnings = [row for warning in session.warnings for row in notice_lines(Problem(warning), paper.width)]
    yield paper.write([*_fitted([head, below], paper.width), *warnings])
    margin = len(str(count)) + 2
    for message in session.system_messages:
        yield "\n" + paper.write(_in_margin(message_lines(message, width=paper.inside(margin)), margin))
    results = {message.tool_call_id: message for message in session.messages if message.role == "tool"}
    last = _TEXT
    for number, message in enumerate(session.messages, 1):
        yield _gap(last, _kind(message)) + _numbered(message, number, margin, paper, results)
        last = _STEP if message.tool_calls else _kind(message)


def search_context(session: Session, hit: Hit, paper: Paper) -> Iterator[str]:
    """Yield the lines around a match, and the start of the neighboring messages."""
    first = max(1, hit.message - _NEIGHBORS)
    last = min(len(session.messages), hit.message + _NEIGHBORS)
    margin = len(str(last)) + 2
    results = {message.tool_call_id: message for message in session.messages if message.role == "tool"}
    for number in range(first, last + 1):
        message = session.messages[number - 1]
        if number == hit.message:
            yield paper.write(_in_margin(_found(said_in(message), hit, paper.inside(margin)), margin, number))
        else:
            yield _beginning(message, number, margin, paper, results)
    yield paper.gap


def shortened(rows: list[str], most: int, width: int | None = None, *, left: int = 0) -> list[str]:
    """Return at most ``most`` screen rows; the last is the number of those left out.

    A row may be longer than the screen, which is ``width`` columns wide; the last one that is shown is then cut.
    ``left`` is the number of screen rows that were left out before.
    """
    kept, count = _split(rows, most, width, left)
    return [*kept, f"… ({_more_lines(count)})"] if count else kept


def _split(rows: list[str], most: int, width: int | None, left: int = 0) -> tuple[list[str], int]:
    """Return the rows that ``shortened`` keeps, and the number of those left out."""
    columns = max(width or _COLUMNS, _NARROWEST)
    counts = [_screen_rows(row, columns) for row in rows]
    total = sum(counts) + left
    if total <= most:
        return rows, 0
    kept: list[str] = []
    room = most - 1
    for row, count in zip(rows, counts, strict=True):
        if count > room:
            if room:
                kept.append(fit(row[: room * columns + 1], room * columns))
            room = 0
            break
        kept.append(row)
        room -= count
    return kept, total - (most - 1 - room)


def _screen_rows(row: str, columns: int) -> int:
    # The width of a very long row is not worth the time it takes to measure.
    cells = text_width(row) if len(row) <= MOST_ROWS * columns else len(row)
    return max(1, -(-cells // columns))


def _wrapped(text: str, most: int, width: int | None, indent: int) -> list[str]:
    """Return ``text`` broken between words, at most ``most`` screen rows of it."""
    columns = max(width or _COLUMNS, _NARROWEST)
    most_characters = (most + 1) * columns * 4  # rows may be short
    text, rest = text[:most_characters], text[most_characters:]
    left = sum(_screen_rows(row, columns) for row in rest.split("\n")) if rest else 0
    return shortened(keep_words(text, width, indent), most, width and max(width - indent, _NARROWEST), left=left)


def keep_words(text: str, width: int | None, indent: int = 0) -> list[str]:
    """Return safe ``text`` broken between words.

    Each row leaves ``indent`` columns free, and keeps the indentation of its line.
    """
    if width is None:
        return text.split("\n")
    rows: list[str] = []
    for row in text.split("\n"):
        words = row.lstrip(" ")
        lead = row[: len(row) - len(words)]
        room = max(width - indent - len(lead), _NARROWEST)
        rows += [lead + part for part in wrap(words, room)] if words else [""]
    return rows


Results = Mapping[str | None, LLMMessage]
"""The results of tool calls by the ID of the call."""


def _numbered(message: LLMMessage, number: int, margin: int, paper: Paper, results: Results) -> str:
    """Return a message as text with its number in the margin."""
    width = paper.inside(margin)
    states = [line((Style.QUIET, text)) for text in _states(message)]
    if message.role != "assistant":
        return paper.write(_in_margin([*states, *message_lines(message, width=width)], margin, number))
    rows = paper.write(states).splitlines()
    if message.content and message.content.strip():
        rows += _answer(message, MOST_ROWS, paper, width).splitlines()
    rows += paper.write(_interrupted(message)).splitlines()
    calls = [stored_call(call, results.get(call.id)) for call in message.tool_calls]
    rows += ([""] if rows and calls else []) + paper.write(_fitted(calls, width)).splitlines()
    leads = paper.write(_in_margin([line("")] * max(1, len(rows)), margin, number)).splitlines()
    placed = zip(range(len(leads)), leads, rows or [""], strict=True)
    return "".join(f"{lead if row or not place else ''}{row}\n" for place, lead, row in placed)


def _states(message: LLMMessage) -> Iterator[str]:
    """Yield the lines above a message: the time of a question, marks and notes."""
    if message.role == "user" and message.at is not None:
        yield time_text(message.at)
    if state := _STATES.get((message.skip, message.summary)):
        yield state
    if annotation := annotation_text(message):
        yield fit(f"({safe_line(annotation)})", _LONGEST_LINE)


def _in_margin(lines: Iterable[Line], margin: int, number: int | None = None) -> list[Line]:
    """Return ``lines`` with a margin, and ``number`` in the margin of the first."""
    lead = f"{number or '':>{margin - 2}}  "
    return [line((Style.QUIET, " " * margin if place else lead), *spans) for place, spans in enumerate(lines)]


def _prefixed(rows: list[str], prefix: str, tone: Style) -> list[Line]:
    indent = " " * len(prefix)
    return [line((tone, (indent if place else prefix) + row)) for place, row in enumerate(rows)]


def _fitted(lines: Iterable[Line], width: int | None) -> list[Line]:
    return [spans if width is None else fit_line(spans, width) for spans in lines]


def _beginning(message: LLMMessage, number: int, margin: int, paper: Paper, results: Results) -> str:
    """Return the first rows of a message as text."""
    text = message.content or ""
    if len(text) > _EXCERPT:
        message = replace(message, content=text[:_EXCERPT])
    rows = _numbered(message, number, margin, paper, results).splitlines(keepends=True)
    if paper.width is None:
        rows = [f"{fit(row[:-1], _CONTEXT_LINES * _COLUMNS)}\n" for row in rows]
    count = len(rows) + _count_rows(text[_EXCERPT:], paper.inside(margin))
    if count > _CONTEXT_LINES:
        left_out = _left_out(count - _CONTEXT_LINES + 1)
        rows[_CONTEXT_LINES - 1 :] = [paper.write(_in_margin(left_out, margin))]
    return "".join(rows)


def _found(text: str, hit: Hit, width: int | None) -> list[Line]:
    """Return the rows around the one with most of the words of ``hit``, with marks."""
    marked = list(dict.fromkeys(hit.context[start:end] for start, end in hit.marks))
    pattern = re.compile("|".join(f"({re.escape(word)})" for word in marked) or r"(?!)")
    first = _densest(text, pattern, _EXCERPT) if len(text) > _EXCERPT else 0
    last = first + _EXCERPT
    rows = keep_words(safe_text(text[first:last]).strip("\n"), width)
    best = max(range(len(rows)), key=lambda place: sum(word in rows[place] for word in marked), default=0)
    start, end = max(0, best - _CONTEXT_LINES), min(len(rows), best + _CONTEXT_LINES + 1)
    shown = [_with_marks(_excerpt(row, pattern), pattern) for row in rows[start:end]]
    before = start + _count_rows(text[:first], width)
    after = len(rows) - end + _count_rows(text[last:], width)
    return [*_left_out(before), *shown, *_left_out(after)]


def _count_rows(text: str, width: int | None) -> int:
    """Return about how many screen rows a text left out would take."""
    columns = max(width or _COLUMNS, _NARROWEST)
    return sum(max(1, -(-len(row) // columns)) for row in text.split("\n")) if text else 0


def _excerpt(row: str, pattern: re.Pattern[str]) -> str:
    """Return the part of a very long row that has most marks."""
    if len(row) <= _LONGEST_LINE:
        return row
    start = _densest(row, pattern, _LONGEST_LINE)
    end = start + _LONGEST_LINE
    return f"{'… ' if start else ''}{row[start:end]}{' …' if end < len(row) else ''}"


def _densest(text: str, pattern: re.Pattern[str], length: int) -> int:
    """Return the start of the part of ``text`` that has most marks in its second half."""
    places = [match.start() for match in pattern.finditer(text)]
    ends = [bisect_left(places, place + length // 2) for place in places]
    best = max(range(len(places)), key=lambda number: ends[number] - number, default=None)
    return 0 if best is None else max(0, places[best] - length // 2)


def _with_marks(row: str, pattern: re.Pattern[str]) -> Line:
    spans, end = [], 0
    for match in pattern.finditer(row):
        spans += [(Style.PLAIN, row[end : match.start()]), (Style.ACCENT, match.group())]
        end = match.end()
    return line(*spans, row[end:])


def _left_out(count: int) -> list[Line]:
    return [line((Style.QUIET, f"… ({_more_lines(count)})"))] if count else []


def _more_lines(count: int) -> str:
    return f"{count} more {'line' if count == 1 else 'lines'}"
