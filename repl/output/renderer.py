"""Draw the live rows above the prompt, and leave the prompt to prompt_toolkit.

prompt_toolkit lays out and compares the whole screen, cell by cell, for each frame. While an answer streams, only a few
rows of text change. Writing these as whole rows is much faster, and works where a terminal measures a character
differently. It also shows what to erase after a narrower terminal has wrapped the rows again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import Renderer
from prompt_toolkit.styles import BaseStyle

from aloop.width import text_width
from repl.output.live import Keep, LiveRows
from repl.output.styled import Line, to_ansi, to_text
from repl.output.theme import Theme


def rows_when_narrower(row: str, columns: int) -> int:
    """Return the number of rows that a terminal of ``columns`` cells makes of ``row``."""
    if text_width(row) <= columns:
        return 1
    # A wide character that does not fit at the margin leaves a cell empty.
    rows, used = 1, 0
    for character in row:
        width = text_width(character)
        if used + width > columns:
            rows, used = rows + 1, 0
        used += width
    return rows


_RESIZING_SECONDS = 0.5
"""The time after a change of the size in which another is likely."""

_SHORT_ROW = 20  # cells

_NO_ROWS = LiveRows([], [])

_PUSH_KITTY_KEYS, _POP_KITTY_KEYS = "\x1b[>1u", "\x1b[<u"
"""Use the kitty protocol for keys that are ambiguous otherwise, and stop using it."""

_REPORT_FOCUS, _IGNORE_FOCUS = "\x1b[?1004h", "\x1b[?1004l"
"""Report when the terminal gets and loses the focus, and stop reporting."""

_MODIFY_KEYS, _RESET_KEYS = "\x1b[>4;1m", "\x1b[>4m"
"""Let xterm and tmux send modified keys such as Shift-Enter, which they send as Enter otherwise, and stop that."""

_SAVE_CURSOR, _RESTORE_CURSOR = "\x1b7", "\x1b8"
_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h", "\x1b[?2026l"


class TerminalOutput(Vt100_Output):
    """A terminal that receives each change in one piece, and may close at any time.

    prompt_toolkit erases the prompt, prints above it and draws it again in three steps with a flush each. A terminal
    that shows the state between two flushes flickers.
    """

    is_synchronized = False
    """Whether the terminal can show all changes of a frame at once, in mode 2026."""

    _held = False
    _has_kitty_keys = _is_kitty_pushed = False
    reports_focus = False
    """Whether the terminal reports the focus while the prompt reads keys."""
    _has_modified_keys = False

    @classmethod
    def of(cls, stdout: TextIO) -> TerminalOutput:
        """Return the output for ``stdout``, which must be a terminal."""
        output = cls.from_pty(stdout, term=os.environ.get("TERM"), default_color_depth=ColorDepth.from_env())
        assert isinstance(output, TerminalOutput)  # noqa: S101 - from_pty is typed as its base class
        # Never ask for the position of the cursor: the toolbar is right below the input, so the position does not
        # matter, and the first paint does not wait for an answer.
        output.enable_cpr = False
        output._has_modified_keys = sends_modified_keys(os.environ)
        return output

    @property
    def has_kitty_keys(self) -> bool:
        return self._has_kitty_keys

    def use_kitty_keys(self) -> None:
        """Use the kitty protocol while the prompt reads keys, and not in other programs."""
        self._has_kitty_keys = True
        self._push_kitty_keys()
        self.flush()

    # The prompt calls these two whenever it starts and stops reading keys.
    def enable_bracketed_paste(self) -> None:
        super().enable_bracketed_paste()
        if self._has_modified_keys:
            self.write_raw(_MODIFY_KEYS)
        self._push_kitty_keys()
        if self.reports_focus:
            self.write_raw(_REPORT_FOCUS)

    def disable_bracketed_paste(self) -> None:
        super().disable_bracketed_paste()
        if self.reports_focus:
            self.write_raw(_IGNORE_FOCUS)
        if self._has_modified_keys:
            self.write_raw(_RESET_KEYS)
        self._pop_kitty_keys()

    def _pop_kitty_keys(self) -> None:
        if self._is_kitty_pushed:
            self._is_kitty_pushed = False
            self.write_raw(_POP_KITTY_KEYS)

    def quit_alternate_screen(self) -> None:
        # Each screen has its own stack of key modes.
        self._pop_kitty_keys()
        super().quit_alternate_screen()

    def _push_kitty_keys(self) -> None:
        if self._has_kitty_keys and not self._is_kitty_pushed:
            self._is_kitty_pushed = True
            self.write_raw(_PUSH_KITTY_KEYS)

    @contextmanager
    def one_piece(self) -> Iterator[None]:
        """Send everything written in the block at the end of the outermost block."""
        outer, self._held = self._held, True
        try:
            yield
        finally:
            self._held = outer
            self.flush()

    def flush(self) -> None:
        if self._held:
            return
        if self.is_synchronized and self._buffer:
            self._buffer = [_BEGIN_FRAME, *self._buffer, _END_FRAME]
        try:
            super().flush()
        except OSError:
            # The terminal was closed. The turn still has to be saved.
            self._buffer.clear()


@contextmanager
def in_one_piece(output: Output) -> Iterator[None]:
    """Act like ``one_piece`` for any output, or write at once if it cannot wait."""
    if isinstance(output, TerminalOutput):
        with output.one_piece():
            yield
    else:
        yield


def sends_modified_keys(env: Mapping[str, str]) -> bool:
    """Return True if the terminal understands ``_MODIFY_KEYS``.

    Some others would underline all text.
    """
    return "TMUX" in env or ("XTERM_VERSION" in env and "STY" not in env)


def has_alternate_screen(env: Mapping[str, str]) -> bool:
    """Return True if the terminal has a second screen, as nearly all have.

    The Linux console has none, and GNU screen only if its user has turned it on.
    """
    return env.get("TERM") != "linux" and ("STY" not in env or "TMUX" in env)


DrawRows = Callable[[int, int, int], LiveRows]
"""Returns the live rows for the width and height of the screen, at most as many as the third number."""


class LiveRenderer(Renderer):
    """The renderer of the prompt, with live rows on top."""

    def __init__(
        self, style: BaseStyle, output: Output, rows: DrawRows, keep: Keep, theme: Callable[[], Theme]
    ) -> None:
        self._live_rows = rows
        self._keep = keep
        self._theme = theme
        self._resized_at = 0.0
        self._drawn = _NO_ROWS
        self._height = 0  # of all that is drawn
        self._spare = 0  # the most rows that may be empty below it
        super().__init__(style, output)

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        wanted = self._rows_above(layout)
        if self.is_outdated:
            # The size has changed, maybe just now, but the signal for it has not arrived yet.
            self.erase(leave_alternate_screen=not self.full_screen)
            wanted = self._rows_above(layout)
        with in_one_piece(self.output):
            self._draw(wanted)
            super().render(app, layout, is_done)
            self._measure()

    def _rows_above(self, layout: Layout) -> LiveRows:
        """Return the live rows for which ``layout`` has room."""
        size = self.output.get_size()
        if self.full_screen or not (self._drawn.all or self._rows(size.columns, size.rows, size.rows).all):
            return _NO_ROWS
        # The prompt must not grow beyond the top of the screen, where nothing can be erased.
        wanted = layout.container.preferred_height(size.columns, size.rows).preferred
        return self._rows(size.columns, size.rows, max(0, size.rows - max(wanted, self._prompt_height())))

    def _rows(self, columns: int, height: int, room: int) -> LiveRows:
        """Return the live rows, or only the status while the window is being resized.

        A terminal may have a size other than it has reported, and then wraps or cuts long rows in an unknown way.
        """
        if time.monotonic() - self._resized_at < _RESIZING_SECONDS:
            return self._live_rows(min(columns, _SHORT_ROW), height, min(room, 1))
        return self._live_rows(columns, height, room)

    @property
    def is_outdated(self) -> bool:
        """True if the terminal was resized after the last drawing."""
        return self._last_size not in (None, self.output.get_size())

    def refresh(self) -> None:
        """Draw the changed rows above the prompt, if there is a prompt."""
        if self._last_screen is None or self.full_screen:
            return
        size = self.output.get_size()
        wanted = self._rows(size.columns, size.rows, max(0, size.rows - self._prompt_height()))
        # After the rows, which may take a while: for another size, everything is drawn again.
        if self._last_size == self.output.get_size():
            with in_one_piece(self.output):
                self._draw(wanted)
                self._measure()

    def print(self, text: str) -> None:
        """Send safe ``text`` to the screen, from which everything was erased."""
        self.output.write_raw(text)
        self._spare = max(0, self._spare - text.count("\n"))

    def reset(self, _scroll: bool = False, leave_alternate_screen: bool = True) -> None:
        super().reset(_scroll, leave_alternate_screen)
        # Another program may have used the terminal.
        self._drawn, self._height, self._spare = _NO_ROWS, 0, self.output.get_size().rows

    def clear(self) -> None:
        super().clear()
        self._spare = self.output.get_size().rows

    def _measure(self) -> None:
        """Update the height, and with it the room below."""
        height = len(self._drawn.all) + self._prompt_height()
        self._height, self._spare = height, max(0, self._spare + self._height - height)

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Remove the live rows and the prompt, even if a resize has wrapped them."""
        size, last = self.output.get_size(), self._last_size
        if last not in (None, size):
            self._resized_at = time.monotonic()
        output, up, below = self.output, 0, self._prompt_height() - self._cursor_pos.y
        if self._in_alternate_screen:
            output.cursor_goto(1, 1)
            self._cursor_pos = Point(0, 0)
        else:
            output.cursor_backward(self._cursor_pos.x)
            up = self._rows_to_erase(size)
            output.cursor_up(up)
            # Never erase from the top left corner: tmux would keep the erased text in its history.
            output.erase_end_of_line()
            # A terminal that has become less high may have no row below, so the way back is not one row up.
            output.write_raw(_SAVE_CURSOR)
            output.cursor_down(1)
            output.erase_down()
            output.write_raw(_RESTORE_CURSOR)
            self._cursor_pos = Point(0, 0)
        spare = self._spare + (up + below if self._height else 0)
        super().erase(leave_alternate_screen)
        if last is not None and size.columns <= last.columns:
            self._spare = spare + max(0, size.rows - last.rows)

    def _rows_to_erase(self, size: Size) -> int:
        """Return the number of rows above the row of the cursor that must be erased.

        A smaller terminal moves rows that no longer fit into its scrollback, where nothing can be erased. Rows of an
        answer that may be there, even if only in part, stay as they are: the rest of such a row is on the screen.
        """
        texts = [*(to_text([row]).rstrip("\n") for row in self._drawn.all), *self._prompt_rows()]
        last, (x, y) = self._last_size or size, self._cursor_pos
        above = len(self._drawn.all) + y
        if size == last or not _rewraps():
            return above
        rows = [rows_when_narrower(text, size.columns) if size.columns < last.columns else 1 for text in texts]
        up = whole = sum(rows[:above]) + x // size.columns
        # The cursor is at least in this row, counted from 0. Rows below it may have been removed or not, and tmux
        # moves a row away for each one that it adds, even if there are empty ones at the end of the screen.
        below = self._prompt_height() - y
        added = sum(rows[above:]) - below - x // size.columns
        cursor = min(size.rows - below, max(above, last.rows - below - self._spare)) - max(0, added)
        gone = 0
        while gone < len(self._drawn.text) and up > cursor:
            up -= rows[gone]
            gone += 1
        return up if gone and self._keep(self._drawn.text[:gone]) else whole

    def _prompt_height(self) -> int:
        return self._last_screen.height if self._last_screen else 1

    def _prompt_rows(self) -> list[str]:
        """Return the rows that prompt_toolkit drew."""
        rows = []
        for y in range(self._prompt_height()):
            row = self._last_screen.data_buffer[y] if self._last_screen else {}
            rows.append("".join(row[x].char for x in sorted(row)).rstrip())
        return rows

    def _draw(self, wanted: LiveRows) -> None:
        """Draw the live rows; the prompt and the cursor move with them, unchanged."""
        if wanted == self._drawn:
            return
        output, (x, y) = self.output, self._cursor_pos
        output.hide_cursor()
        output.disable_autowrap()
        drawn = self._resized(self._drawn.all, len(wanted.all))
        for row, old in zip(wanted.all, drawn, strict=True):
            if row != old:
                output.write_raw("\r" + to_ansi([row], self._theme()).rstrip("\n"))
                output.erase_end_of_line()
            output.cursor_down(1)
        self._drawn = wanted
        output.cursor_down(y)
        output.write_raw("\r")
        output.cursor_forward(x)
        output.enable_autowrap()
        output.show_cursor()

    def _resized(self, drawn: list[Line], count: int) -> list[Line]:
        """Insert or remove rows to get ``count``, and leave the cursor on the first."""
        output, y, more = self.output, self._cursor_pos.y, count - len(drawn)
        if more > 0:
            # Line feeds end the same number of rows below even if the terminal is less high by now.
            below = self._prompt_height() - y - 1 + more
            output.write_raw("\n" * below)
            output.cursor_up(below + y)
            output.write_raw(f"\x1b[{more}L")
            output.cursor_up(len(drawn))
            return drawn + [()] * more
        output.cursor_up(y + len(drawn))
        if more < 0:
            output.write_raw(f"\x1b[{-more}M")
        return drawn[-more:]


def _rewraps() -> bool:
    """Return True if the terminal wraps its rows again when it gets narrower.

    xterm and the Linux console cut them instead.
    """
    if "TMUX" in os.environ:
        return True
    return "XTERM_VERSION" not in os.environ and os.environ.get("TERM") != "linux"
