"""The layout of the picker: filter, sessions, preview and legend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from prompt_toolkit.application.current import get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, VSplit, Window

from aloop.errors import SHORT_ID, AloopError
from aloop.formatting import age
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import SessionTitle
from aloop.sanitize import safe_line
from aloop.width import fit, pad, text_width, unjoined
from commands.session_browser import SessionBrowser
from repl.output.markdown import markdown_lines
from repl.output.rich_lines import wrap_line
from repl.output.styled import Line, line
from repl.output.theme import Style, prompt_style
from repl.pages.transcript import message_lines
from repl.picker.state import Mode, Picker, matched_places

_PREVIEW_DELAY = 0.03
"""Seconds before the highlighted session is read, so that holding an arrow key down reads nothing."""

_CACHED = 64
_MESSAGES = 12
_MESSAGE_CHARACTERS = 4_000  # more than a screen shows
_MARKDOWN_WIDTH = 79  # of tables and the like; a narrower screen wraps the rows again


class Pane:
    """Previews a session; calls ``refresh`` when ``read`` has returned its messages."""

    def __init__(self, read: Callable[[str], Awaitable[Sequence[LLMMessage]]], refresh: Callable[[], None]) -> None:
        self._read = read
        self._refresh = refresh
        self._wanted: str | None = None
        self._known: dict[str, list[Line]] = {}
        self._reading: asyncio.Task[None] | None = None

    def show(self, session_id: str | None) -> None:
        """Show the end of that session as soon as it is read, in place of any other."""
        if session_id == self._wanted:
            return
        self._wanted = session_id
        self.close()
        if session_id is not None and session_id not in self._known:
            self._reading = asyncio.create_task(self._load(session_id))

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def rows(self, width: int, height: int) -> list[Line]:
        """Return the last rows that fit, none while the session is being read."""
        rows: list[Line] = []
        for spans in reversed(self._known.get(self._wanted or "", [])):
            rows[:0] = wrap_line(spans, width)
            if len(rows) >= height:
                break
        return rows[-height:] if height > 0 else []

    async def _load(self, session_id: str) -> None:
        await asyncio.sleep(_PREVIEW_DELAY)
        try:
            lines = await asyncio.to_thread(ending_lines, await self._read(session_id))
        except AloopError as error:
            lines = [line((Style.BAD, str(error)))]
        while len(self._known) >= _CACHED:
            del self._known[next(iter(self._known))]
        self._known[session_id] = lines
        self._refresh()


def ending_lines(messages: Sequence[LLMMessage]) -> list[Line]:
    """Return the last messages as safe lines, and one line of each tool result."""
    lines: list[Line] = []
    for message in messages[-_MESSAGES:]:
        text = (message.content or "").strip("\n")
        if len(text) > _MESSAGE_CHARACTERS:
            message = replace(message, content=f"…{text[-_MESSAGE_CHARACTERS:]}")
        if message.role == "user" and lines:
            lines.append(line(""))
        if message.role == "assistant" and (message.content or "").strip():
            lines += [(), *markdown_lines(message.content or "", _MARKDOWN_WIDTH), ()]
            message = replace(message, content=None)
        lines += message_lines(message, 1 if message.role == "tool" else None, _MARKDOWN_WIDTH)
    return lines or [line((Style.QUIET, "(no messages)"))]


_AGE_COLUMNS = 12
_CURRENT = "●"
"""The mark of the open session."""

_MIN_LIST_ROWS = 3
_MIN_PANE_ROWS = 2
_OTHER_ROWS = 3
"""The filter, the rule and the legend."""

_LEGENDS = {
    Mode.BROWSE: "Enter resume · d trash · r rename · f fork · / filter · Esc",
    Mode.FILTER: "Enter resume · ^D trash · ^R rename · ^F fork · Esc",
    Mode.RENAME: "Enter rename · Esc cancel",
    Mode.TRASH: "Enter move {} to the trash · Esc cancel",
    Mode.FORK: "Enter continue in a copy of {} · Esc cancel",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """The state that the layout draws.

    Sessions are numbered as in the rows of ``browser``, and a note replaces the legend.
    ``is_reading`` returns True while there may be more sessions than are known.
    """

    picker: Picker
    pane: Pane
    browser: SessionBrowser
    note: Callable[[], str]
    is_reading: Callable[[], bool]


def heights(total: int, rows: int) -> tuple[int, int]:
    """Return the heights of the list and the pane on a screen of ``rows`` rows."""
    room = max(rows - 1 - _OTHER_ROWS, _MIN_LIST_ROWS)
    listed = max(_MIN_LIST_ROWS, min(total, room // 2))
    pane = room - listed
    return listed, pane if pane >= _MIN_PANE_ROWS else 0


def build_picker_layout(control: BufferControl, shown: Shown) -> Layout:
    """Return the layout, with the cursor in its first row.

    So all of it can be erased after the window was made smaller.
    """
    picker = shown.picker
    top = VSplit(
        [
            Window(control, height=1, get_line_prefix=lambda _number, _wraps: [("class:prompt", _prompt(picker))]),
            Window(FormattedTextControl(lambda: _count(picker)), height=1, dont_extend_width=True),
        ]
    )
    body = HSplit(
        [
            top,
            _part(lambda: _rows(shown), lambda: _heights(picker)[0]),
            _part(lambda: _rule(picker), lambda: 1),
            _part(lambda: _pane(shown), lambda: _heights(picker)[1]),
            _part(lambda: [("class:toolbar", fit(_legend(shown), _width()))], lambda: 1),
            # Takes the rows left over when the rest shrinks.
            Window(),
        ]
    )
    return Layout(body, control)


def _part(text: Callable[[], StyleAndTextTuples], height: Callable[[], int]) -> Window:
    return Window(FormattedTextControl(text), height=lambda: Dimension.exact(height()))


def _prompt(picker: Picker) -> str:
    return "title: " if picker.mode is Mode.RENAME else "find: "


def _count(picker: Picker) -> StyleAndTextTuples:
    count = f"{picker.count:,} of {picker.total:,}" if picker.filter else f"{picker.total:,}"
    return [("class:toolbar", f" {count} ")]


def _rows(shown: Shown) -> StyleAndTextTuples:
    now, width = datetime.now(UTC), _width()
    numbers = {session_id: str(number) for number, session_id in enumerate(shown.browser.rows, 1)}
    fragments: StyleAndTextTuples = []
    for session, is_highlighted in shown.picker.window(_heights(shown.picker)[0]):
        mark = _CURRENT if session.id == shown.picker.current else " "
        start = f"{numbers.get(session.id, ''):>2}{mark} {_start(session, now)}"
        title = pad(fit(safe_line(session.title) or "(no title)", width - text_width(start)), width - text_width(start))
        base = prompt_style(Style.SELECTED) if is_highlighted else ""
        fragments.append((base, start))
        matched = matched_places(title, shown.picker.filter)
        for is_bold, run in groupby(range(len(title)), matched.__contains__):
            places = list(run)
            bold = f"{base} {prompt_style(Style.STRONG)}".strip() if is_bold else base
            fragments.append((bold, title[places[0] : places[-1] + 1]))
        fragments.append(("", "\n"))
    if not fragments:
        return [("class:toolbar", _placeholder(shown))]
    return fragments[:-1]


def _placeholder(shown: Shown) -> str:
    if shown.is_reading():
        return "Reading sessions…"
    return "No sessions match." if shown.picker.total else "No sessions."


def _start(session: SessionTitle, now: datetime) -> str:
    return f"{safe_line(session.id)[:SHORT_ID]:<{SHORT_ID}}  {pad(age(session.updated_at, now), _AGE_COLUMNS)}  "


def _rule(picker: Picker) -> StyleAndTextTuples:
    session = picker.highlighted
    name = fit(unjoined(safe_line(session.title)) or "(no title)", _width() - 16) if session else ""
    head = f"── {session.id[:SHORT_ID]} {name} " if session else ""
    return [("class:toolbar", head + "─" * (_width() - text_width(head)))]


def _pane(shown: Shown) -> StyleAndTextTuples:
    height = _heights(shown.picker)[1]
    fragments: StyleAndTextTuples = []
    for row in shown.pane.rows(_width(), height):
        fragments += [*((prompt_style(look), text) for look, text in row), ("", "\n")]
    return fragments


def _legend(shown: Shown) -> str:
    picker = shown.picker
    if note := shown.note():
        return note
    session = picker.highlighted
    return _LEGENDS[picker.mode].format(session.id[:SHORT_ID] if session else "")


def _heights(picker: Picker) -> tuple[int, int]:
    return heights(picker.total, get_app().output.get_size().rows)


def _width() -> int:
    """Return the columns to fill, less than all, so that a narrower window wraps less."""
    return get_app().output.get_size().columns - 1
