"""The end of what a running tool puts out, live above the prompt."""

from __future__ import annotations

import asyncio

from repl.live import Live
from repl.screen import Screen
from repl.stream import FRAME

_MOST_CHARACTERS = 8_000  # far more than fit into the rows that are shown


class OutputTail:
    """Takes pieces of output; of a line that was written over (as bars of progress are), the newest text counts."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._text = (self._text + text)[-_MOST_CHARACTERS:]
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def lines(self, most: int) -> list[str]:
        """Return the last lines of what there was, as unsafe as it came."""
        lines = self._text.rstrip("\n").split("\n")[-most:] if self._text.strip() else []
        return [text.rstrip("\r").rpartition("\r")[2] for text in lines]

    def clear(self) -> None:
        """Show nothing more, and begin anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._text:
            self._text = ""
            self._live.set_tail([])

    def _flush(self) -> None:
        self._timer = None
        self._live.set_tail(self.lines(self._live.tail_rows(self._screen.height)))
        self._screen.refresh()
