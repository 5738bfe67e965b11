"""The way onto the screen: text is printed above the prompt, which stays live below it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.output import Output

from aloop.sanitize import safe_text
from aloop.width import wrap
from repl.output.renderer import LiveRenderer, LiveRows, in_one_piece
from repl.output.styled import Line, Style, line, to_ansi


class Screen:
    """A terminal's scrollback; the application on top of it joins later."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.colour = not os.environ.get("NO_COLOR")
        self._app: Application[Any] | None = None

    @property
    def width(self) -> int:
        return self.output.get_size().columns

    @property
    def text_width(self) -> int:
        """Cells that a row of text may take: no row reaches the margin, where terminals differ on what comes next."""
        return self.width - 1

    @property
    def height(self) -> int:
        return self.output.get_size().rows

    def attach(self, app: Application[Any], live_rows: LiveRows) -> None:
        """Print above ``app`` from now on, and draw ``live_rows`` between the two."""
        self._app = app
        app.renderer = LiveRenderer(app.renderer.style, self.output, live_rows, colour=self.colour)

    def show(self, lines: Iterable[Line]) -> None:
        """Print ``lines``."""
        self.write(to_ansi(lines, colour=self.colour))

    def say(self, tone: Style, text: str) -> None:
        """Print a sentence or a few, broken between words."""
        self.show([line((tone, row)) for row in wrap(safe_text(text), self.text_width)])

    def write(self, safe: str) -> None:
        """Print text that is safe already and ends with a line feed.

        prompt_toolkit's run_in_terminal would leave raw mode for this, and what is typed at that moment would be
        echoed into the text; the three steps here do the same without.
        """
        app = self._app
        with in_one_piece(self.output):
            if app is None or not app.is_running or app.context is None:
                self.output.write_raw(safe)
                self.output.flush()
                return
            app.renderer.erase()
            self.output.write_raw(safe)
            # Controls keep their text for as long as this number stays the same.
            app.render_counter += 1
            app.context.copy().run(app.renderer.render, app, app.layout)

    def refresh(self) -> None:
        """Draw what has changed of the live rows above the prompt."""
        if self._app is not None and isinstance(self._app.renderer, LiveRenderer):
            self._app.renderer.refresh()

    def redraw(self) -> None:
        """Draw the prompt and what stands above it again, soon."""
        if self._app is not None:
            self._app.invalidate()

    async def tick(self) -> None:
        """Draw the seconds of what is being done as they pass, for ever."""
        while True:
            await asyncio.sleep(1)
            self.redraw()
