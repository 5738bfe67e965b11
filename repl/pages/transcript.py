"""Messages as lines: the end of a conversation after /resume, each of them shortened.

A stored conversation as one reads a chat: messages numbered in the margin, words whole, tool calls a line each.

The numbers count the session's messages from 1, as the commands that change messages do. What the model was told to be
has none.

A place in a conversation: the message that a search has found, and what stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aloop.llm.message_types import LLMMessage
from aloop.memory import Session
from aloop.memory.search.search import Hit, said_in
from aloop.sanitize import safe_line, safe_text
from commands.attachments import folded
from repl.output.styled import Line, Style, line
from repl.output.width import fit_line, wrap
from repl.pages.listing import age

REMINDER_LINES = 6
"""Lines of each message that a reminder shows."""


def message_lines(message: LLMMessage, most: int | None = None) -> list[Line]:
    """Return a message as lines, at most ``most`` of its text (None: all of it)."""
    text = safe_text(message.content or "").strip("\n")
    if message.role == "user":
        text = safe_text(folded(message.content or "")).strip("\n")
        return _prefixed(shortened(text, most), "> ", Style.STRONG)
    if message.role == "tool":
        first, _, more = text.partition("\n")
        tone = Style.BAD if message.is_error else Style.QUIET
        shown = text if most is None else first + (" …" if more else "")
        return _prefixed(shown.split("\n"), "  → ", tone)
    if message.role == "system":
        # What the model was told to be is no part of what was said: its beginning is enough.
        return _prefixed(shortened(text, 2), "system: ", Style.QUIET)
    return [*(line(row) for row in shortened(text, most) if text), *after_answer(message)]


def after_answer(message: LLMMessage) -> list[Line]:
    """Return what follows an answer's text: whether it was cut short, and a line for each tool call."""
    lines = [line((Style.QUIET, "(interrupted)"))] if message.interrupted else []
    calls = (
        ((Style.ACCENT, "● "), safe_line(call.name), (Style.QUIET, f" {safe_line(call.brief)}"))
        for call in message.tool_calls
    )
    return [*lines, *(line(*call) for call in calls)]


def conversation_head(session: Session) -> list[Line]:
    """Return what stands above a whole conversation: which one it is, and what is odd about its file."""
    head = f"{session.id} · {safe_line(session.title) or '(no title)'}"
    return [line((Style.STRONG, head)), *(line((Style.BAD, warning)) for warning in session.warnings)]


def reminder_lines(messages: Sequence[LLMMessage]) -> list[Line]:
    """Return the end of a conversation, each message shortened, a blank line between exchanges."""
    lines: list[Line] = []
    for message in messages:
        if message.role == "user" and lines:
            lines.append(line(""))
        lines += message_lines(message, REMINDER_LINES)
    return lines


def shortened(text: str, most: int | None) -> list[str]:
    """Return the lines of ``text``, the last of at most ``most`` telling how many more there are."""
    rows = text.split("\n")
    if most is None or len(rows) <= most:
        return rows
    return [*rows[: most - 1], f"… ({len(rows) - most + 1} more lines)"]


def _prefixed(rows: list[str], prefix: str, tone: Style) -> list[Line]:
    indent = " " * len(prefix)
    return [line((tone, (indent if number else prefix) + row)) for number, row in enumerate(rows)]


_SYSTEM_LINES = 2
_NARROWEST = 20
_STATES = (("skip", "(skipped: not sent to the model)"), ("summary", "(a summary: nothing above it is sent)"))


@dataclass(frozen=True, slots=True)
class TranscriptWriter:
    """What is written on: ``width`` is None where lines may be of any length.

    ``write`` makes text of lines, ``answer`` of what a model has written, for a width.
    """

    width: int | None
    write: Callable[[Iterable[Line]], str]
    answer: Callable[[str, int | None], str]

    def inside(self, margin: int) -> int | None:
        """Return the width that a margin leaves."""
        return None if self.width is None else max(self.width - margin, _NARROWEST)


def read_conversation(session: Session, paper: TranscriptWriter, now: datetime) -> Iterator[str]:
    """Yield a conversation piece by piece, each ended by a line feed; all of it is safe."""
    count = len(session.messages)
    facts = [f"{count:,} {'message' if count == 1 else 'messages'}", age(session.updated_at, now), session.model or ""]
    told = " · ".join(safe_line(fact) for fact in facts if fact)
    head, *warnings = conversation_head(session)
    yield paper.write([*_fitted([head, line((Style.QUIET, told))], paper.width), *warnings])
    margin = len(str(count)) + 2
    for message in session.system_messages:
        yield "\n" + paper.write(in_margin(_system_lines(message, paper.inside(margin)), margin))
    for number, message in enumerate(session.messages, 1):
        begins = message.role == "user" or message.summary or number == 1
        yield ("\n" if begins else "") + read_message(message, number, margin, paper)


def read_message(message: LLMMessage, number: int, margin: int, paper: TranscriptWriter) -> str:
    """Return one message with its number in a margin of so many columns."""
    width = paper.inside(margin)
    states = [line((Style.QUIET, told)) for state, told in _STATES if getattr(message, state)]
    if message.role != "assistant":
        return paper.write(in_margin([*states, *reading_lines(message, width)], margin, number))
    rows = paper.write(states).splitlines()
    if message.content and message.content.strip():
        rows += paper.answer(message.content.strip("\n"), width).splitlines()
    rows += paper.write(_fitted(after_answer(message), width)).splitlines()
    leads = paper.write(in_margin([line("")] * max(1, len(rows)), margin, number)).splitlines()
    return "".join(f"{lead}{row}\n" for lead, row in zip(leads, rows or [""], strict=True))


def reading_lines(message: LLMMessage, width: int | None) -> list[Line]:
    """Return what somebody other than the model has said: a tool in one line, a person in full."""
    if message.role == "user":
        text = safe_text(folded(message.content or "")).strip("\n")
        return _led(keep_words(text, width, 2), "> ", Style.STRONG)
    text = safe_text(message.content or "").strip("\n")
    if message.role == "system":
        return _system_lines(message, width)
    first, _, more = text.partition("\n")
    tone = Style.BAD if message.is_error else Style.QUIET
    count = more.count("\n") + 1
    rest = f" … {count} more {'line' if count == 1 else 'lines'}" if more else ""
    return _fitted([line((tone, f"  → {first}"), (Style.QUIET, rest))], width)


def keep_words(text: str, width: int | None, indent: int = 0) -> list[str]:
    """Return safe ``text`` as rows broken between words, which leave ``indent`` columns free and keep their own."""
    rows: list[str] = []
    for row in text.split("\n"):
        said = row.lstrip(" ")
        lead = row[: len(row) - len(said)]
        room = len(row) if width is None else max(width - indent - len(lead), _NARROWEST)
        rows += [lead + part for part in wrap(said, room)] if said else [""]
    return rows


def in_margin(lines: Iterable[Line], margin: int, number: int | None = None) -> list[Line]:
    """Return ``lines`` right of a margin; ``number`` stands in it before the first."""
    lead = f"{number or '':>{margin - 2}}  "
    return [line((Style.QUIET, " " * margin if place else lead), *spans) for place, spans in enumerate(lines)]


def _system_lines(message: LLMMessage, width: int | None) -> list[Line]:
    text = safe_text(message.content or "").strip("\n")
    return _led(shortened("\n".join(keep_words(text, width, 8)), _SYSTEM_LINES), "system: ", Style.QUIET)


def _led(rows: list[str], lead: str, tone: Style) -> list[Line]:
    return [line((tone, (" " * len(lead) if place else lead) + row)) for place, row in enumerate(rows)]


def _fitted(lines: Iterable[Line], width: int | None) -> list[Line]:
    return [spans if width is None else fit_line(spans, width) for spans in lines]


_NEIGHBOURS = 2
_LINES = 4
"""Lines of the found message that are shown before and after the one with most of what was searched for."""


def show_place(session: Session, hit: Hit, paper: TranscriptWriter) -> Iterator[str]:
    """Yield the neighbours of the found message, shortly, and itself where it was found."""
    first = max(1, hit.message - _NEIGHBOURS)
    last = min(len(session.messages), hit.message + _NEIGHBOURS)
    margin = len(str(last)) + 2
    for number in range(first, last + 1):
        message = session.messages[number - 1]
        if number == hit.message:
            marked = list(dict.fromkeys(hit.context[start:end] for start, end in hit.marks))
            found = _around(keep_words(safe_text(said_in(message)).strip("\n"), paper.inside(margin)), marked)
            yield paper.write(in_margin(found, margin, number))
        else:
            yield _shortly(read_message(message, number, margin, paper), margin, paper)


def _around(rows: Sequence[str], marked: Sequence[str]) -> list[Line]:
    """Return the rows around the one that most of ``marked`` stands in, with all of it marked."""
    best = max(range(len(rows)), key=lambda place: sum(word in rows[place] for word in marked), default=0)
    start, end = max(0, best - _LINES), min(len(rows), best + _LINES + 1)
    pattern = re.compile("|".join(f"({re.escape(word)})" for word in marked) or r"(?!)")
    shown = [_with_marks(row, pattern) for row in rows[start:end]]
    return [*_left_out(start), *shown, *_left_out(len(rows) - end)]


def _with_marks(row: str, pattern: re.Pattern[str]) -> Line:
    spans, end = [], 0
    for match in pattern.finditer(row):
        spans += [(Style.PLAIN, row[end : match.start()]), (Style.ACCENT, match.group())]
        end = match.end()
    return line(*spans, row[end:])


def _shortly(text: str, margin: int, paper: TranscriptWriter) -> str:
    rows = text.splitlines(keepends=True)
    if len(rows) <= _LINES:
        return text
    return "".join(rows[: _LINES - 1]) + paper.write(in_margin(_left_out(len(rows) - _LINES + 1), margin))


def _left_out(count: int) -> list[Line]:
    return [line((Style.QUIET, f"… ({count} more {'line' if count == 1 else 'lines'})"))] if count else []
