"""Draw the live rows above the prompt, and leave the prompt to prompt_toolkit.

prompt_toolkit lays out and compares the whole screen, cell by cell, for each frame. While an answer streams, only a few
rows of text change. Writing these as whole rows is much faster, and works where a terminal measures a character
differently. It also shows what to erase after a narrower terminal has wrapped the rows again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from repl.output.styled import Line, to_ansi, to_text
from repl.output.theme import Theme


def rows_when_narrower(above: Iterable[str], x: int, columns: int) -> int:
    """Return the number of rows above the cursor on a narrower terminal.

    These are the rows of ``above``, and those of the cursor's line before column ``x``.
    """
    return sum(max(1, -(-text_width(row) // columns)) for row in above) + x // columns


_RESIZING_SECONDS = 0.5
"""The time after a change of the size in which another is likely."""

_SHORT_ROW = 20  # cells

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


LiveRows = Callable[[int, int, int], list[Line]]
"""Returns the live rows for the width and height of the screen, at most as many as the third number."""


class LiveRenderer(Renderer):
    """The renderer of the prompt, with live rows on top."""

    def __init__(self, style: BaseStyle, output: Output, rows: LiveRows, theme: Callable[[], Theme]) -> None:
        self._live_rows = rows
        self._theme = theme
        self._resized_at = 0.0
        self._drawn: list[Line] = []
        super().__init__(style, output)

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        size = self.output.get_size()
        if self._last_size not in (None, size):
            # The size has changed, but the signal for it has not arrived yet.
            self.erase(leave_alternate_screen=not self.full_screen)
        with in_one_piece(self.output):
            if not self.full_screen and (self._drawn or self._rows(size.columns, size.rows, size.rows)):
                # The prompt must not grow beyond the top of the screen, where nothing can be erased.
                wanted = layout.container.preferred_height(size.columns, size.rows).preferred
                self._draw(size, size.rows - max(wanted, self._prompt_height()))
            super().render(app, layout, is_done)

    def _rows(self, columns: int, height: int, room: int) -> list[Line]:
        """Return the live rows, or only the status while the window is being resized.

        A terminal may have another size than it has told, and then wraps or cuts long rows in a way that is not known.
        """
        if time.monotonic() - self._resized_at < _RESIZING_SECONDS:
            return self._live_rows(min(columns, _SHORT_ROW), height, min(room, 1))
        return self._live_rows(columns, height, room)

    def refresh(self) -> None:
        """Draw the changed rows above the prompt, if there is a prompt."""
        size = self.output.get_size()
        if self._last_screen is not None and self._last_size == size and not self.full_screen:
            with in_one_piece(self.output):
                self._draw(size, size.rows - self._prompt_height())

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Remove the live rows and the prompt, even if a resize has wrapped them."""
        if self._last_size not in (None, self.output.get_size()):
            self._resized_at = time.monotonic()
        output, up = self.output, self._rows_above_cursor()
        if self._in_alternate_screen:
            output.cursor_goto(1, 1)
            self._cursor_pos = Point(0, 0)
        else:
            output.cursor_backward(self._cursor_pos.x)
            output.cursor_up(up)
            # Never erase from the top left corner: tmux would keep the erased text in its history.
            output.erase_end_of_line()
            # A terminal that has become less high may have no row below, so the way back is not one row up.
            output.write_raw(_SAVE_CURSOR)
            output.cursor_down(1)
            output.erase_down()
            output.write_raw(_RESTORE_CURSOR)
            self._cursor_pos = Point(0, 0)
        self._drawn = []
        super().erase(leave_alternate_screen)

    def _rows_above_cursor(self) -> int:
        """Return the number of rows, of those drawn here, above the row of the cursor."""
        above = [*(to_text([row]).rstrip("\n") for row in self._drawn), *self._prompt_rows()]
        columns = self.output.get_size().columns
        if self._last_size and columns < self._last_size.columns and _rewraps():
            return rows_when_narrower(above, self._cursor_pos.x, columns)
        return len(above)

    def _prompt_height(self) -> int:
        return self._last_screen.height if self._last_screen else 1

    def _prompt_rows(self) -> list[str]:
        """Return the rows that prompt_toolkit drew above the row of the cursor."""
        rows = []
        for y in range(self._cursor_pos.y):
            row = self._last_screen.data_buffer[y] if self._last_screen else {}
            rows.append("".join(row[x].char for x in sorted(row)).rstrip())
        return rows

    def _draw(self, size: Size, room: int) -> None:
        """Draw the current rows; the prompt and the cursor move with them, unchanged."""
        wanted = self._rows(size.columns, size.rows, max(room, 0))
        if wanted == self._drawn:
            return
        output, (x, y) = self.output, self._cursor_pos
        output.hide_cursor()
        output.disable_autowrap()
        self._resize(len(wanted) - len(self._drawn))
        for number, row in enumerate(wanted):
            if row != self._drawn[number]:
                output.write_raw("\r" + to_ansi([row], self._theme()).rstrip("\n"))
                output.erase_end_of_line()
            output.cursor_down(1)
        self._drawn = wanted
        output.cursor_down(y)
        output.write_raw("\r")
        output.cursor_forward(x)
        output.enable_autowrap()
        output.show_cursor()

    def _resize(self, more: int) -> None:
        """Insert ``more`` rows, or remove some if negative; leave the cursor on the first."""
        output, y = self.output, self._cursor_pos.y
        if more > 0:
            # Line feeds end the same number of rows below even if the terminal is less high by now.
            below = self._prompt_height() - y - 1 + more
            output.write_raw("\n" * below)
            output.cursor_up(below + y)
            output.write_raw(f"\x1b[{more}L")
            output.cursor_up(len(self._drawn))
            self._drawn = self._drawn + [()] * more
        else:
            output.cursor_up(y + len(self._drawn))
            if more < 0:
                output.write_raw(f"\x1b[{-more}M")
                self._drawn = self._drawn[-more:]


def _rewraps() -> bool:
    """Return True if the terminal wraps its rows again when it gets narrower.

    xterm and the Linux console cut them instead.
    """
    if "TMUX" in os.environ:
        return True
    return "XTERM_VERSION" not in os.environ and os.environ.get("TERM") != "linux"
