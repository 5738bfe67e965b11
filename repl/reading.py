"""A stored conversation as one reads a chat: messages numbered in the margin, words whole, tool calls a line each.

The numbers count the session's messages from 1, as the commands that change messages do. What the model was told to be
has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from aloop.llm.message_types import LLMMessage
from aloop.memory import Session
from commands.attachments import folded
from repl.ages import age
from repl.cells import fit_line, wrap
from repl.sanitize import safe_line, safe_text
from repl.spans import Line, Tone, line
from repl.transcript import after_answer, conversation_head, shortened

_SYSTEM_LINES = 2
_NARROWEST = 20
_STATES = (("skip", "(skipped: not sent to the model)"), ("summary", "(a summary: nothing above it is sent)"))


@dataclass(frozen=True, slots=True)
class Paper:
    """What is written on: ``width`` is None where lines may be of any length.

    ``write`` makes text of lines, ``answer`` of what a model has written, for a width.
    """

    width: int | None
    write: Callable[[Iterable[Line]], str]
    answer: Callable[[str, int | None], str]

    def inside(self, margin: int) -> int | None:
        """Return the width that a margin leaves."""
        return None if self.width is None else max(self.width - margin, _NARROWEST)


def read_conversation(session: Session, paper: Paper, now: datetime) -> Iterator[str]:
    """Yield a conversation piece by piece, each ended by a line feed; all of it is safe."""
    count = len(session.messages)
    facts = [f"{count:,} {'message' if count == 1 else 'messages'}", age(session.updated_at, now), session.model or ""]
    told = " · ".join(safe_line(fact) for fact in facts if fact)
    head, *warnings = conversation_head(session)
    yield paper.write([*_fitted([head, line((Tone.QUIET, told))], paper.width), *warnings])
    margin = len(str(count)) + 2
    for message in session.system_messages:
        yield "\n" + paper.write(in_margin(_system_lines(message, paper.inside(margin)), margin))
    for number, message in enumerate(session.messages, 1):
        begins = message.role == "user" or message.summary or number == 1
        yield ("\n" if begins else "") + read_message(message, number, margin, paper)


def read_message(message: LLMMessage, number: int, margin: int, paper: Paper) -> str:
    """Return one message with its number in a margin of so many columns."""
    width = paper.inside(margin)
    states = [line((Tone.QUIET, told)) for state, told in _STATES if getattr(message, state)]
    if message.role != "assistant":
        return paper.write(in_margin([*states, *message_lines(message, width)], margin, number))
    rows = paper.write(states).splitlines()
    if message.content and message.content.strip():
        rows += paper.answer(message.content.strip("\n"), width).splitlines()
    rows += paper.write(_fitted(after_answer(message), width)).splitlines()
    leads = paper.write(in_margin([line("")] * max(1, len(rows)), margin, number)).splitlines()
    return "".join(f"{lead}{row}\n" for lead, row in zip(leads, rows or [""], strict=True))


def message_lines(message: LLMMessage, width: int | None) -> list[Line]:
    """Return what somebody other than the model has said: a tool in one line, a person in full."""
    if message.role == "user":
        text = safe_text(folded(message.content or "")).strip("\n")
        return _led(keep_words(text, width, 2), "> ", Tone.STRONG)
    text = safe_text(message.content or "").strip("\n")
    if message.role == "system":
        return _system_lines(message, width)
    first, _, more = text.partition("\n")
    tone = Tone.BAD if message.is_error else Tone.QUIET
    count = more.count("\n") + 1
    rest = f" … {count} more {'line' if count == 1 else 'lines'}" if more else ""
    return _fitted([line((tone, f"  → {first}"), (Tone.QUIET, rest))], width)


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
    return [line((Tone.QUIET, " " * margin if place else lead), *spans) for place, spans in enumerate(lines)]


def _system_lines(message: LLMMessage, width: int | None) -> list[Line]:
    text = safe_text(message.content or "").strip("\n")
    return _led(shortened("\n".join(keep_words(text, width, 8)), _SYSTEM_LINES), "system: ", Tone.QUIET)


def _led(rows: list[str], lead: str, tone: Tone) -> list[Line]:
    return [line((tone, (" " * len(lead) if place else lead) + row)) for place, row in enumerate(rows)]


def _fitted(lines: Iterable[Line], width: int | None) -> list[Line]:
    return [spans if width is None else fit_line(spans, width) for spans in lines]
