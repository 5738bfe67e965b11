"""A place in a conversation: the message that a search has found, and what stands around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aloop.memory import Session
from aloop.memory.search import Hit, said_in
from repl.reading import Paper, in_margin, keep_words, read_message
from repl.sanitize import safe_text
from repl.spans import Line, Tone, line

_NEIGHBOURS = 2
_LINES = 4
"""Lines of the found message that are shown before and after the one with most of what was searched for."""


def show_place(session: Session, hit: Hit, paper: Paper) -> Iterator[str]:
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
        spans += [(Tone.PLAIN, row[end : match.start()]), (Tone.ACCENT, match.group())]
        end = match.end()
    return line(*spans, row[end:])


def _shortly(text: str, margin: int, paper: Paper) -> str:
    rows = text.splitlines(keepends=True)
    if len(rows) <= _LINES:
        return text
    return "".join(rows[: _LINES - 1]) + paper.write(in_margin(_left_out(len(rows) - _LINES + 1), margin))


def _left_out(count: int) -> list[Line]:
    return [line((Tone.QUIET, f"… ({count} more {'line' if count == 1 else 'lines'})"))] if count else []
