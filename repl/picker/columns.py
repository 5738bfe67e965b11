"""The rows of the session picker: their columns, and what is read for them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from prompt_toolkit.formatted_text import StyleAndTextTuples

from aloop.errors import SHORT_ID, AloopError
from aloop.formatting import age, quantity
from aloop.importers.formats import LABEL_CELLS, label_of, mark_of
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionSummary, SessionTitle
from aloop.sanitize import safe_line
from aloop.width import pad, text_width, unjoined
from repl.output.theme import Style, prompt_style

_BATCH = 4
"""Sessions that are read at a time: parsing a large one takes a moment."""


class Details:
    """Reads the counts of sessions on the screen; calls ``refresh`` for each batch."""

    def __init__(
        self,
        read: Callable[[Sequence[SessionTitle]], Awaitable[Mapping[str, SessionSummary]]],
        refresh: Callable[[], None],
    ) -> None:
        self._read = read
        self._refresh = refresh
        self._known: dict[tuple[str, datetime], SessionSummary | None] = {}
        self._wanted: list[SessionTitle] = []
        self._reading: asyncio.Task[None] | None = None

    def find(self, session: SessionTitle) -> SessionSummary | None:
        """Return what was read of a session, None before that or if it cannot be read."""
        return self._known.get((session.key, session.updated_at))

    def want(self, sessions: Sequence[SessionTitle]) -> None:
        """Read these sessions next, in place of those that were wanted before."""
        self._wanted = [session for session in sessions if (session.key, session.updated_at) not in self._known]
        if self._wanted and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._load())

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()

    async def _load(self) -> None:
        while self._wanted:
            batch, self._wanted = self._wanted[:_BATCH], self._wanted[_BATCH:]
            try:
                found = await self._read(batch)
            except AloopError:  # the preview shows why a session cannot be read
                found = {}
            for session in batch:
                self._known[session.key, session.updated_at] = found.get(session.key)
            self._refresh()


@dataclass(frozen=True, slots=True)
class Columns:
    """The cells of each column, 0 for one that is left out."""

    title: int
    folder: int = 0
    age: int = 0
    messages: int = 0
    id: int = 0
    model: int = 0
    origin: int = 0


_GAP = "  "
_AGE_CELLS = 12
_MODEL_CELLS = 16
_FOLDER_CELLS = 20
_LEAST_TITLE = 20
_MARK_CELLS = 4  # the number, the mark of the open session and a blank
_CURRENT = "●"
"""The mark of the open session."""


def fit_columns(width: int, *, folder: int, messages: int, model: int, origin: int) -> Columns:
    """Return the columns that leave room for titles; the last four have these cells."""
    room = width - _MARK_CELLS
    wanted = {
        "folder": min(folder, _FOLDER_CELLS),
        "age": _AGE_CELLS,
        "messages": messages,
        "id": SHORT_ID,
        "model": min(model, _MODEL_CELLS),
        "origin": min(origin, LABEL_CELLS),
    }
    shown: dict[str, int] = {}
    for name, cells in wanted.items():
        if cells and room - cells - len(_GAP) >= _LEAST_TITLE:
            shown[name] = cells
            room -= cells + len(_GAP)
    return Columns(room, **shown)


@dataclass(frozen=True, slots=True)
class Row:
    """The texts of a row; ``hit`` is shown beside the title.

    ``is_title_only`` if no counts will ever follow the title, which may then be as long as the row.
    """

    session: SessionTitle
    number: str = ""
    is_current: bool = False
    folder: str = ""
    messages: str = ""
    model: str = ""
    hit: Hit | None = None
    is_title_only: bool = False
    origin: str = ""


def row_of(
    session: SessionTitle,
    summary: SessionSummary | None,
    *,
    number: str = "",
    is_current: bool = False,
    folder: str = "",
    hit: Hit | None = None,
    is_title_only: bool = False,
) -> Row:
    """Return the row of a session, without its counts if they are not known yet."""
    messages = quantity(summary.message_count, "message") if summary and not summary.problem else ""
    model = short_model(summary.model or "") if summary else ""
    origin = unjoined(safe_line(label_of(session.origin)))
    return Row(session, number, is_current, folder, messages, model, hit, is_title_only, origin)


_LONG_NAME = re.compile(r"^claude-|-\d{8}$")


def short_model(name: str) -> str:
    """Return the name of a model without its maker and date."""
    return unjoined(safe_line(_LONG_NAME.sub("", name)))


def row_spans(
    row: Row, columns: Columns, now: datetime, *, is_highlighted: bool, matched: Callable[[str], frozenset[int]]
) -> StyleAndTextTuples:
    """Return the fragments of a row; ``matched`` gives the places of a title in bold."""
    base = prompt_style(Style.SELECTED) if is_highlighted else ""
    quiet = base or prompt_style(Style.QUIET)
    bold = f"{base} {prompt_style(Style.STRONG)}".strip()
    session = row.session
    start = f"{row.number:>2}{_CURRENT if row.is_current else ' '} "
    if columns.id:
        start += f"{safe_line(session.id)[:SHORT_ID]:<{SHORT_ID}}{_GAP}"
    if columns.age:
        start += pad(age(session.updated_at, now), columns.age) + _GAP
    fragments: StyleAndTextTuples = [(quiet, start)]
    title = mark_of(session.kind) + (unjoined(safe_line(session.title)) or "(no title)")
    if row.is_title_only:
        # Its ID is a word: what the row does.
        title = title if columns.id else f"{safe_line(session.id)} {title}"
        after = sum(
            cells + len(_GAP) for cells in (columns.folder, columns.origin, columns.model, columns.messages) if cells
        )
        return [*fragments, (base, pad(title, columns.title + after))]
    if row.hit is None:
        shown = pad(title, columns.title)
        fragments += _marked(shown, matched(shown), base, bold)
    else:
        fragments += _title_and_hit(title, row.hit, columns.title, (base, quiet, bold))
    end = "".join(
        f"{_GAP}{text}"
        for cells, text in (
            (columns.folder, pad(_end_of(row.folder, columns.folder), columns.folder)),
            (columns.origin, pad(row.origin, columns.origin)),
            (columns.model, pad(row.model, columns.model)),
            (columns.messages, row.messages.rjust(columns.messages)),
        )
        if cells
    )
    return [*fragments, (quiet, end)]


def _end_of(path: str, cells: int) -> str:
    """Return the end of a path, whose last folders say most."""
    cut = path
    while cut and text_width(cut) >= cells:
        cut = cut[1:]
    return path if text_width(path) <= cells else f"…{cut}"[:cells]


def _marked(text: str, places: frozenset[int], base: str, bold: str) -> StyleAndTextTuples:
    fragments: StyleAndTextTuples = []
    for is_bold, run in groupby(range(len(text)), places.__contains__):
        found = list(run)
        fragments.append((bold if is_bold else base, text[found[0] : found[-1] + 1]))
    return fragments


_SHORT_TITLE_SHARE = 3
_WIDE = 50  # cells from which on there is room for a title beside a match
_BEFORE = 6  # characters before a match in a narrow row


def _title_and_hit(title: str, hit: Hit, cells: int, styles: tuple[str, str, str]) -> StyleAndTextTuples:
    """Return the start of the title, if there is room, and the line around the match."""
    base, quiet, bold = styles
    fragments: StyleAndTextTuples = []
    if cells >= _WIDE:
        head = pad(title, cells // _SHORT_TITLE_SHARE) + _GAP
        fragments, cells = [(base, head)], cells - text_width(head)
    text, places = match_line(hit, cells)
    shown = pad(text, cells)
    return [*fragments, *_marked(shown, places, quiet, bold)]


def match_line(hit: Hit, cells: int) -> tuple[str, frozenset[int]]:
    """Return the line around a match so that the match is in the first ``cells``."""
    text, marks = hit.context or hit.problem or "", hit.marks
    cut = 0
    if marks and text_width(text[: marks[0][1]]) > cells:
        cut = max(marks[0][0] - _BEFORE, 0)
        text = "…" + text[cut:]
        cut -= 1
    safe = unjoined(safe_line(text))
    if len(safe) != len(text):  # visible control characters have moved the places
        return safe, frozenset()
    return safe, frozenset(place - cut for start, end in marks for place in range(start, end) if place >= cut)
