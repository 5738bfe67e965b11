"""What the model thinks, as it comes: whole lines dim into the scrollback, the last one live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from repl.cells import wrap
from repl.live import Live
from repl.sanitize import safe_text
from repl.screen import Screen
from repl.spans import Line, Tone, line
from repl.stream import FRAME


class Thoughts:
    """Takes pieces; ``show`` prints lines."""

    def __init__(self, screen: Screen, live: Live, show: Callable[[list[Line]], None]) -> None:
        self._screen = screen
        self._live = live
        self._show = show
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._text += text
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print what is left, if anything was thought."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._text:
            text, self._text = self._text.rstrip(), ""
            self._live.set_tail([])
            self._print(text)

    def _flush(self) -> None:
        self._timer = None
        whole, feed, rest = self._text.rpartition("\n")
        self._text = rest
        self._live.set_tail([f"  {rest}"] if rest else [])
        if feed and whole.strip():
            self._print(whole)
        else:
            self._screen.refresh()

    def _print(self, text: str) -> None:
        rows = [row for row in wrap(safe_text(text).strip("\n"), self._screen.width - 3) if row.strip()]
        if rows:
            self._show([line((Tone.QUIET, f"  {row}")) for row in rows])
