"""The layout of the picker: filter, sessions, preview and legend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

from prompt_toolkit.application.current import get_app
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, VSplit, Window

from aloop.errors import SHORT_ID, AloopError
from aloop.llm.message_types import LLMMessage
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionTitle
from aloop.sanitize import safe_line
from aloop.width import fit, flow, text_width, unjoined
from commands.session_browser import ROW, SessionBrowser
from repl.output.markdown import markdown_lines
from repl.output.notices import error_lines
from repl.output.rich_lines import wrap_line
from repl.output.styled import Line, line
from repl.output.theme import Style, prompt_style
from repl.pages.transcript import turn_parts
from repl.picker.columns import Details, fit_columns, match_line, row_of, row_spans
from repl.picker.state import Mode, Picker, matched_places

_PREVIEW_DELAY = 0.03
"""Seconds before the highlighted session is read, so that holding an arrow key down reads nothing."""

_CACHED = 64
_MESSAGES = 12
_MESSAGE_CHARACTERS = 4_000  # more than a screen shows
_WHOLE = 10_000  # cells, more than a line around a match has
_WIDEST = 100  # cells of a preview
_UNREAD_CELLS = len("10 messages")
"""The least cells for counts, so that no column disappears when they are read."""


class Pane:
    """Previews a session; calls ``refresh`` when ``read`` has returned its messages.

    If there are none, the lines that ``without_messages`` returns are shown, from the first on.
    """

    def __init__(
        self,
        read: Callable[[SessionTitle], Awaitable[Sequence[LLMMessage]]],
        without_messages: Callable[[SessionTitle], Sequence[str]],
        refresh: Callable[[], None],
    ) -> None:
        self._read = read
        self._without_messages = without_messages
        self._refresh = refresh
        self._wanted: str | None = None
        self._known: dict[str, list[Line]] = {}
        self._without: set[str] = set()
        self._reading: asyncio.Task[None] | None = None

    def show(self, session: SessionTitle | None) -> None:
        """Show the end of that session as soon as it is read, in place of any other."""
        key = session.key if session else None
        if key == self._wanted:
            return
        self._wanted = key
        self.close()
        if session is not None and key not in self._known:
            self._reading = asyncio.create_task(self._load(session))

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def rows(self, width: int, height: int) -> list[Line]:
        """Return the last rows that fit, none while the session is being read."""
        if self._wanted in self._without:
            return [row for spans in self._known[self._wanted] for row in wrap_line(spans, width)][:height]
        rows: list[Line] = []
        for spans in reversed(self._known.get(self._wanted or "", [])):
            rows[:0] = wrap_line(spans, width)
            if len(rows) >= height:
                break
        return rows[-height:] if height > 0 else []

    async def _load(self, session: SessionTitle) -> None:
        await asyncio.sleep(_PREVIEW_DELAY)
        try:
            # A window that gets narrower wraps the rows again.
            lines = await asyncio.to_thread(ending_lines, await self._read(session), min(_width(), _WIDEST))
            if not lines:
                self._without.add(session.key)
                lines = [line((Style.QUIET, safe_line(text))) for text in self._without_messages(session)]
        except AloopError as error:
            lines = error_lines(str(error), min(_width(), _WIDEST))
        while len(self._known) >= _CACHED:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._without.discard(oldest)
        self._known[session.key] = lines
        self._refresh()


def ending_lines(messages: Sequence[LLMMessage], width: int = _WIDEST) -> list[Line]:
    """Return the last messages as safe lines, which look as when they were new."""
    shown = [_shortened(message) for message in messages[-_MESSAGES:]]
    lines: list[Line] = []
    for is_apart, part in turn_parts(shown, width, lambda message: markdown_lines(message.content or "", width)):
        lines += [(), *part] if is_apart else part
    return lines


def _shortened(message: LLMMessage) -> LLMMessage:
    text = (message.content or "").strip("\n")
    is_long = len(text) > _MESSAGE_CHARACTERS
    return replace(message, content=f"…{text[-_MESSAGE_CHARACTERS:]}") if is_long else message


_MIN_LIST_ROWS = 3
_MIN_PANE_ROWS = 2
_OTHER_ROWS = 2
"""The filter and the rule."""
_MANY_ROWS = 16
"""Rows of a screen from which on all keys are shown, if need be in two rows."""

_FILTER_KEY = "/ filter"
_BROWSE_KEYS = "d trash · r rename · f fork"
_FILTER_KEYS = "^D trash · ^R rename · ^F fork"
_ALL_KEYS = f"Enter resume · {_BROWSE_KEYS} · {_FILTER_KEY} · Tab search text · ^A all folders · Esc"
_WIDEST_KEYS = len(f"{_FILTER_KEY} · Tab search text · ^A this folder · Esc")
"""The cells that each of the two rows of keys needs at most."""
_RESUME = "resume"
_LEGENDS = {
    Mode.RENAME: ("Enter edit the title of {} · Esc cancel", "Enter edit the title · Esc cancel"),
    Mode.TITLE: ("Enter rename · Esc cancel",),
    Mode.TRASH: ("Enter move {} to the trash · Esc cancel", "Enter move to the trash · Esc cancel"),
    Mode.FORK: ("Enter continue in a copy of {} · Esc cancel", "Enter continue in a copy · Esc cancel"),
}
"""The keys while a mode waits for an answer, and again for a narrow window."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The state that the layout draws.

    Sessions are numbered as in the rows of ``browser``, and a note replaces the legend.
    ``is_reading`` returns True while there may be more sessions than are known, ``is_searching`` while messages are
    searched, and ``is_all`` if the sessions of all projects are shown.
    """

    picker: Picker
    pane: Pane
    details: Details
    browser: SessionBrowser
    note: Callable[[], str]
    is_reading: Callable[[], bool]
    is_searching: Callable[[], bool]
    is_all: Callable[[], bool]


def heights(total: int, rows: int, legend: int = 1) -> tuple[int, int]:
    """Return the heights of the list and the pane on a screen of ``rows`` rows."""
    room = max(rows - 1 - _OTHER_ROWS - legend, _MIN_LIST_ROWS)
    listed = max(_MIN_LIST_ROWS, min(total, room // 2))
    pane = room - listed
    return listed, pane if pane >= _MIN_PANE_ROWS else 0


def legend_rows(
    size: Size,
    mode: Mode = Mode.BROWSE,
    *,
    is_search: bool = False,
    is_all: bool = False,
    enter: str = _RESUME,
    can_change: bool = True,
    is_own: bool = True,
) -> list[str]:
    """Return the keys: all of them in a tall window, else those that fit in one row.

    ``enter`` is the action of Enter on the highlighted row, empty if the list has no rows. Other keys for it are left
    out unless it ``can_change``, and unless the list ``is_own``, keys that search. If there are two rows, the keys for
    the highlighted row have the first one.
    """
    choose = f"Enter {enter}" if enter else ""
    search = f"Tab {'titles' if is_search else 'search text'}" if is_own else ""
    folders = f"^A {'this folder' if is_all else 'all folders'}" if is_own else ""
    width = size.columns - 1
    if size.rows >= _MANY_ROWS:
        changes = _BROWSE_KEYS if mode is Mode.BROWSE else _FILTER_KEYS
        own = _keys(choose, changes if choose and can_change else "")
        others = _keys(_FILTER_KEY if mode is Mode.BROWSE else "", search, folders, "Esc")
        # Where all keys need two rows, a session that has fewer keys does not move the others.
        is_split = is_own and own and len(_ALL_KEYS) > width >= _WIDEST_KEYS
        return [own, others] if is_split else flow(_keys(own, others), width)
    whole = _keys(choose, search, "Esc")
    return [whole if text_width(whole) <= width else fit(_keys(choose, "Esc"), width)]


def _keys(*keys: str) -> str:
    return " · ".join(filter(None, keys))


def build_picker_layout(control: BufferControl, shown: Shown) -> Layout:
    """Return the layout, with the cursor in its first row.

    So all of it can be erased after the window was made smaller.
    """
    picker = shown.picker
    top = VSplit(
        [
            Window(control, height=1, get_line_prefix=lambda _number, _wraps: [("class:prompt", _prompt(picker))]),
            Window(FormattedTextControl(lambda: _count(shown)), height=1, dont_extend_width=True),
        ]
    )
    body = HSplit(
        [
            top,
            _part(lambda: _rows(shown), lambda: _heights(shown)[0]),
            _part(lambda: _rule(picker), lambda: 1),
            _part(lambda: _pane(shown), lambda: _heights(shown)[1]),
            _part(lambda: [("class:toolbar", _legend(shown))], lambda: len(_all_keys(shown))),
            # Takes the rows left over when the rest shrinks.
            Window(),
        ]
    )
    return Layout(body, control)


def _part(text: Callable[[], StyleAndTextTuples], height: Callable[[], int]) -> Window:
    return Window(FormattedTextControl(text), height=lambda: Dimension.exact(height()))


def _prompt(picker: Picker) -> str:
    if picker.mode is Mode.TITLE:
        return "title: "
    return "find: " if picker.hits is None else "text: "


def _count(shown: Shown) -> StyleAndTextTuples:
    picker = shown.picker
    total = f"{picker.session_total:,}{'+' if picker.total and shown.is_reading() else ''}"
    count = f"{picker.session_count:,} of {total}" if picker.filter else total
    return [("class:toolbar", f" {count} ")]


def _rows(shown: Shown) -> StyleAndTextTuples:
    now, picker = datetime.now(UTC), shown.picker
    numbers = {session_id: str(number) for number, session_id in enumerate(shown.browser.rows, 1)}
    window = picker.window(_heights(shown)[0])
    shown.details.want([session for session, _ in window])
    rows = [
        row_of(
            session,
            shown.details.find(session),
            number=numbers.get(session.key, ""),
            is_current=session.key == picker.current,
            folder=unjoined(safe_line(shown.browser.project(session))) if shown.is_all() else "",
            hit=picker.hits[session.key][0] if picker.hits else None,
            is_title_only=session.id == ROW,
        )
        for session, _ in window
    ]
    columns = fit_columns(
        _width(),
        folder=max((text_width(row.folder) for row in rows), default=0),
        messages=max([_UNREAD_CELLS, *(len(row.messages) for row in rows)]) if shown.browser.is_own else 0,
        model=max((text_width(row.model) for row in rows), default=0),
        # The titles of other tools' sessions begin with it.
        origin=max((text_width(row.origin) for row in rows), default=0) if shown.browser.is_own else 0,
    )
    fragments: StyleAndTextTuples = []
    for row, (_, is_highlighted) in zip(rows, window, strict=True):
        matched = partial(matched_places, wanted=picker.filter)
        fragments += row_spans(row, columns, now, is_highlighted=is_highlighted, matched=matched)
        fragments.append(("", "\n"))
    if not fragments:
        return [("class:toolbar", _placeholder(shown))]
    return fragments[:-1]


def _placeholder(shown: Shown) -> str:
    if shown.is_searching():
        return "Searching messages…"
    if shown.is_reading():
        return "Reading sessions…"
    if shown.picker.hits is not None:
        return "No messages match."
    return "No sessions match." if shown.picker.total else "No sessions."


def _rule(picker: Picker) -> StyleAndTextTuples:
    session = picker.highlighted
    name = fit(unjoined(safe_line(session.title)) or "(no title)", _width() - 16) if session else ""
    head = f"── {session.id[:SHORT_ID]} {name} " if session else ""
    return [("class:toolbar", head + "─" * (_width() - text_width(head)))]


def _pane(shown: Shown) -> StyleAndTextTuples:
    height, picker = _heights(shown)[1], shown.picker
    session = picker.highlighted
    if picker.hits is None or session is None:
        rows = shown.pane.rows(_width(), height)
    else:
        rows = [row for hit in picker.hits[session.key] for row in wrap_line(hit_spans(hit), _width())][:height]
    fragments: StyleAndTextTuples = []
    for row in rows:
        fragments += [*((prompt_style(look), text) for look, text in row), ("", "\n")]
    return fragments


def hit_spans(hit: Hit) -> Line:
    """Return a match with the number and the role of its message."""
    place = f"#{hit.message} {hit.role}" if hit.message else hit.role
    text, places = match_line(hit, _WHOLE)
    spans = [
        (Style.STRONG if is_bold else Style.PLAIN, "".join(text[place] for place in run))
        for is_bold, run in groupby(range(len(text)), places.__contains__)
    ]
    return line((Style.QUIET, f"{place}  " if place else ""), *spans)


def _legend(shown: Shown) -> str:
    picker = shown.picker
    if note := shown.note():
        return fit(note, _width())
    if picker.mode in _LEGENDS:
        session = picker.highlighted
        legends = [legend.format(session.id[:SHORT_ID] if session else "") for legend in _LEGENDS[picker.mode]]
        return next((legend for legend in legends if text_width(legend) <= _width()), fit(legends[-1], _width()))
    session, browser = picker.highlighted, shown.browser
    keys = legend_rows(
        _size(),
        picker.mode,
        is_search=picker.hits is not None,
        is_all=shown.is_all(),
        enter=_enter(session, browser) if session or shown.is_reading() else "",
        can_change=session is None or not browser.refusal(session),
        is_own=browser.is_own,
    )
    return "\n".join(keys)


def _enter(session: SessionTitle | None, browser: SessionBrowser) -> str:
    """Return what Enter does with a row."""
    if not browser.is_own:
        return "import and resume"
    return "list them" if session and session.id == ROW else _RESUME


def _all_keys(shown: Shown) -> list[str]:
    """Return the keys for which room is kept."""
    browser = shown.browser
    return legend_rows(_size(), enter=_enter(None, browser), can_change=browser.is_own, is_own=browser.is_own)


def _heights(shown: Shown) -> tuple[int, int]:
    return heights(shown.picker.total, _size().rows, len(_all_keys(shown)))


def _size() -> Size:
    return get_app().output.get_size()


def _width() -> int:
    """Return the columns to fill, less than all, so that a narrower window wraps less."""
    return _size().columns - 1
