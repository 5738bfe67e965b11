"""What the picker looks like: the filter on top, the sessions, the end of one of them, and what the keys do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from prompt_toolkit.application.current import get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, VSplit, Window
from prompt_toolkit.utils import get_cwidth

from aloop.errors import SHORT_ID
from aloop.memory.session import SessionTitle
from commands.shelf import Shelf
from repl.ages import age
from repl.cells import fit, pad
from repl.picker import Mode, Picker
from repl.picker_pane import Pane
from repl.sanitize import safe_line
from repl.spans import Tone

_WHEN = 12
_LEAST_ROWS = 3
_LEAST_PANE = 2
_CHROME = 3
"""Rows beside the list and the pane: the line on top, the rule, the legend."""

_STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "class:toolbar",
    Tone.BAD: "fg:ansired",
    Tone.GOOD: "fg:ansigreen",
    Tone.ACCENT: "fg:ansicyan",
}
_LEGENDS = {
    Mode.BROWSE: "Enter resume · d trash · r rename · f fork · / filter · Esc",
    Mode.FILTER: "Enter resume · ^D trash · ^R rename · ^F fork · Esc",
    Mode.RENAME: "Enter takes this title · Esc keeps the old one",
    Mode.TRASH: "Enter moves {} to the trash · Esc keeps it",
    Mode.FORK: "Enter goes on in a copy of {} · Esc does not",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the layout draws, with ``note`` below; sessions in the rows of ``shelf`` have a number.

    ``is_reading`` tells that there may be more sessions than are known.
    """

    picker: Picker
    pane: Pane
    shelf: Shelf
    note: Callable[[], str]
    is_reading: Callable[[], bool]


def heights(total: int, rows: int) -> tuple[int, int]:
    """Return how many rows the list of ``total`` sessions and the pane take on a screen of ``rows`` rows."""
    room = max(rows - 1 - _CHROME, _LEAST_ROWS)
    listed = max(_LEAST_ROWS, min(total, room // 2))
    pane = min(room - listed, max(room // 2, 8))
    return listed, pane if pane >= _LEAST_PANE else 0


def build_picker_layout(control: BufferControl, shown: Shown) -> Layout:
    """Return the layout, with the cursor in its first row: whatever a smaller window does to the rest, it goes."""
    picker = shown.picker
    top = VSplit(
        [
            Window(control, height=1, get_line_prefix=lambda _number, _wraps: [("class:prompt", _lead(picker))]),
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
            # Takes what is left over when more was shown a moment ago.
            Window(),
        ]
    )
    return Layout(body, control)


def _part(text: Callable[[], StyleAndTextTuples], height: Callable[[], int]) -> Window:
    return Window(FormattedTextControl(text), height=lambda: Dimension.exact(height()))


def _lead(picker: Picker) -> str:
    return "title: " if picker.mode is Mode.RENAME else "find: "


def _count(picker: Picker) -> StyleAndTextTuples:
    count = f"{picker.count:,} of {picker.total:,}" if picker.filter else f"{picker.total:,}"
    return [("class:toolbar", f" {count} ")]


def _rows(shown: Shown) -> StyleAndTextTuples:
    now, width = datetime.now(UTC), _width()
    numbers = {session_id: str(number) for number, session_id in enumerate(shown.shelf.rows, 1)}
    fragments: StyleAndTextTuples = []
    for session, is_highlighted in shown.picker.window(_heights(shown.picker)[0]):
        start = f"{numbers.get(session.id, ''):>2}  "
        text = pad(start + _row(session, now, width - len(start)), width)
        fragments += [("reverse" if is_highlighted else "", text), ("", "\n")]
    if not fragments:
        return [("class:toolbar", _nothing(shown))]
    return fragments[:-1]


def _nothing(shown: Shown) -> str:
    if shown.is_reading():
        return "Reading what there is…"
    return "No session fits." if shown.picker.total else "There are no sessions."


def _row(session: SessionTitle, now: datetime, width: int) -> str:
    start = f"{safe_line(session.id)[:SHORT_ID]:<{SHORT_ID}}  {pad(age(session.updated_at, now), _WHEN)}  "
    return start + (fit(safe_line(session.title), width - len(start)) or "(no title)")


def _rule(picker: Picker) -> StyleAndTextTuples:
    session = picker.highlighted
    name = fit(safe_line(session.title) or "(no title)", _width() - 16) if session else ""
    head = f"── {session.id[:SHORT_ID]} {name} " if session else ""
    return [("class:toolbar", head + "─" * (_width() - get_cwidth(head)))]


def _pane(shown: Shown) -> StyleAndTextTuples:
    height = _heights(shown.picker)[1]
    rows = shown.pane.rows(_width(), height)
    return [(_STYLES[tone], text + "\n") for tone, text in rows]


def _legend(shown: Shown) -> str:
    picker = shown.picker
    if note := shown.note():
        return note
    session = picker.highlighted
    return _LEGENDS[picker.mode].format(session.id[:SHORT_ID] if session else "")


def _heights(picker: Picker) -> tuple[int, int]:
    return heights(picker.total, get_app().output.get_size().rows)


def _width() -> int:
    """Return the columns to fill: not up to the right margin, so that a narrower window has less to wrap."""
    return get_app().output.get_size().columns - 1
