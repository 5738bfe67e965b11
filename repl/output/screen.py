"""Print text above the prompt, which stays active below it."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.output import Output
from prompt_toolkit.styles import BaseStyle, DynamicStyle
from prompt_toolkit.styles import Style as PromptStyle

from aloop.sanitize import safe_line, safe_text
from aloop.width import wrap
from repl.output.live import SPIN_SECONDS, Keep
from repl.output.renderer import (
    DrawRows,
    LiveRenderer,
    TerminalOutput,
    has_alternate_screen,
    in_one_piece,
)
from repl.output.styled import Line, line, to_ansi
from repl.output.terminal_reports import (
    has_kitty_keys,
    is_last,
    marks_pastes,
    queries,
    reported_background,
    synchronizes,
)
from repl.output.theme import Background, Style, Theme, prompt_styles

_SLOWEST_REPORT = 1.0  # seconds
_LONGEST_COPY = 74_994
"""The most characters of Base64 that xterm copies; others copy more."""


_KEEP_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"  # the stack of titles of xterm
_CONSOLE = "linux"
_FOCUS = {"\x1b[I": True, "\x1b[O": False}


class Screen:
    """The scrollback of a terminal, with the application of the prompt attached later."""

    def __init__(self, output: Output, background: Background = "") -> None:
        self.output = output
        self.theme = Theme.from_env(os.environ, background)
        self._is_background_set = bool(background)
        self._app: Application[Any] | None = None
        self._renderer: LiveRenderer | None = None
        self._title: str | None = None
        self.has_focus = True
        """False while the terminal reports that another window has the focus."""
        self.marks_pastes = False
        """True if the terminal is known to mark each paste: any other text was typed."""
        self._has_ended = False
        self._asked_at: float | None = None
        self._ends_blank = False  # a blank row is above the prompt

    @property
    def width(self) -> int:
        return self.output.get_size().columns

    @property
    def text_width(self) -> int:
        """The width for text: one less, because terminals differ in the last column."""
        return self.width - 1

    @property
    def height(self) -> int:
        return self.output.get_size().rows

    @property
    def prompt_style(self) -> BaseStyle:
        """The styles of the prompt, which change with the theme."""
        return DynamicStyle(lambda: _prompt_style(self.theme))

    def attach(self, app: Application[Any], live_rows: DrawRows, keep: Keep) -> None:
        """Print above ``app`` from now on, with ``live_rows`` between text and prompt."""

        def kept(rows: Sequence[Line]) -> bool:
            is_kept = keep(rows)
            self._ends_blank = self._ends_blank and not is_kept
            return is_kept

        self._app, self._has_ended = app, False
        self._renderer = LiveRenderer(app.renderer.style, self.output, live_rows, kept, lambda: self.theme)
        app.renderer = self._renderer

    @property
    def has_kitty_keys(self) -> bool:
        """True if the terminal sends keys by the kitty protocol."""
        return isinstance(self.output, TerminalOutput) and self.output.has_kitty_keys

    def send_to_clipboard(self, text: str) -> str:
        """Let the terminal copy ``text`` (OSC 52); return the reason if it cannot."""
        # Imported here: the prompt is drawn without it.
        from base64 import b64encode

        encoded = b64encode(text.encode(errors="replace")).decode()
        if len(encoded) > _LONGEST_COPY:
            return "the text is too long for the terminal's clipboard"
        self.output.write_raw(f"\x1b]52;c;{encoded}\x07")
        self.output.flush()
        return ""

    def ask_terminal(self) -> None:
        """Ask the terminal what it can do; ``take_report`` gets its answers, if any."""
        if isinstance(self.output, TerminalOutput):
            self._asked_at = time.monotonic()
            # The prompt is drawn over what a terminal prints of a question that it does not know.
            self.output.write_raw(queries(os.environ) + "\r")

    @property
    def awaits_reports(self) -> bool:
        """True if the terminal was asked just now and has not answered everything."""
        return self._asked_at is not None and time.monotonic() - self._asked_at < _SLOWEST_REPORT

    def ignore_reports(self) -> None:
        """Use no report from now on: the prompt has ended."""
        self._has_ended = True

    def take_report(self, report: str) -> None:
        """Use what the terminal reports, also before the prompt reads keys."""
        if is_last(report):
            self._asked_at = None
        if not isinstance(self.output, TerminalOutput) or self._has_ended:
            return
        if has_kitty_keys(report):
            self.output.use_kitty_keys()
        elif report in _FOCUS:
            self.has_focus = _FOCUS[report]
        elif marks_pastes(report, os.environ):
            self.marks_pastes = True
        elif synchronizes(report):
            self.output.is_synchronized = True
        elif (background := reported_background(report)) and not self._is_background_set:
            self.theme = self.theme._replace(background=background)
            self.redraw()

    def set_title(self, text: str | None) -> None:
        """Set the title of the terminal (OSC 2); None restores the one before aloop."""
        if os.environ.get("TERM") == _CONSOLE or not isinstance(self.output, TerminalOutput):
            return
        if text is None:
            title = "" if self._title is None else _RESTORE_TITLE
        else:
            title = f"{_KEEP_TITLE if self._title is None else ''}\x1b]2;{safe_line(text)}\x07"
        self._title = text
        self.output.write_raw(title)
        self.output.flush()

    @contextmanager
    def untitled(self) -> Iterator[None]:
        """Restore the title before aloop in the block, for another program."""
        title = self._title
        self.set_title(None)
        try:
            yield
        finally:
            if title is not None:
                self.set_title(title)

    def notify(self, text: str, *, on_desktop: bool) -> None:
        """Ring the bell, or show ``text`` on the desktop if the terminal can (OSC 9, 777)."""
        safe = safe_line(text).replace(";", ",")
        has_777 = "VTE_VERSION" in os.environ or os.environ.get("TERM", "").startswith(("rxvt", "foot"))
        notice = f"\x1b]777;notify;aloop;{safe}\x07" if has_777 else f"\x1b]9;aloop: {safe}\x07"
        if "TMUX" in os.environ:
            # tmux passes it on only if its option allow-passthrough is on, and always rings the bell.
            doubled = notice.replace("\x1b", "\x1b\x1b")
            notice = f"\x1bPtmux;{doubled}\x1b\\\a"
        self.output.write_raw(notice if on_desktop else "\a")
        self.output.flush()

    def show(self, lines: Iterable[Line]) -> None:
        self.write(to_ansi(lines, self.theme))

    def say(self, style: Style, text: str) -> None:
        """Print sentences, wrapped between words."""
        self.show([line((style, row)) for row in wrap(safe_text(text), self.text_width)])

    def write(self, safe: str) -> None:
        """Print safe text that ends with a line feed.

        prompt_toolkit's run_in_terminal would leave raw mode, and keys typed at that moment would be echoed into the
        text. The three steps here do the same in raw mode.
        """
        app, renderer = self._app, self._renderer
        self._ends_blank = safe.endswith("\n\n") or safe == "\n" or (self._ends_blank and not safe)
        with in_one_piece(self.output):
            if app is None or renderer is None or not app.is_running or app.context is None:
                self.output.write_raw(safe)
                self.output.flush()
                return
            renderer.erase()
            renderer.print(safe)
            self._render(app)

    def separate(self) -> None:
        """Print a blank row unless the last row that was printed is blank."""
        if not self._ends_blank:
            self.write("\n")

    def _render(self, app: Application[Any]) -> None:
        # Controls cache their text until this number changes.
        app.render_counter += 1
        if app.context is not None:
            app.context.copy().run(app.renderer.render, app, app.layout)

    def fill(self, *, is_full: bool) -> None:
        """Let the layout fill the window, if the terminal has a second screen for it.

        The first screen returns afterward as it was. So a tall layout neither scrolls text away nor leaves blank rows.
        """
        app = self._app
        if app is None or not app.is_running or not has_alternate_screen(os.environ):
            return
        with in_one_piece(self.output):
            app.renderer.erase()
            app.renderer.full_screen = is_full
            self._render(app)

    def refresh(self) -> None:
        """Draw the changed live rows above the prompt."""
        if self._renderer is not None:
            self._renderer.refresh()

    def adapt(self) -> None:
        """Draw everything again if the terminal was resized since the last drawing."""
        if self._renderer is not None and self._renderer.is_outdated:
            self.write("")

    def redraw(self) -> None:
        """Draw the prompt and the live rows again, soon."""
        if self._app is not None:
            self._app.invalidate()

    async def tick(self) -> None:
        """Draw the spinner and the time in the status; runs until it is cancelled."""
        for number in itertools.count(1):
            await asyncio.sleep(SPIN_SECONDS)
            self.refresh()
            if number * SPIN_SECONDS % 1 == 0:
                self.redraw()  # the prompt, or what is in its place


@cache
def _prompt_style(theme: Theme) -> BaseStyle:
    return PromptStyle.from_dict(dict(prompt_styles(theme)))
