"""An answer on its way to the screen: whole blocks into the scrollback, the rest live below them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from repl.blocks import BlockSplitter
from repl.live import Live
from repl.screen import Screen

FRAME = 1 / 10
"""Seconds between two looks of the screen at an answer, however fast its pieces come."""


class AnswerStream:
    """Takes pieces; ``show`` prints finished blocks, one or more."""

    def __init__(self, screen: Screen, live: Live, show: Callable[[list[str]], None]) -> None:
        self._screen = screen
        self._live = live
        self._show = show
        self._splitter = BlockSplitter()
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._waiting.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print all that was taken, at once."""
        if self._timer is not None:
            self._timer.cancel()
        blocks = self._take()
        blocks += self._splitter.finish()
        self._live.set_tail([])
        if blocks:
            self._show(blocks)

    def _flush(self) -> None:
        blocks = self._take()
        # The tail changes before a block is printed: the print draws both, and neither is seen twice.
        self._live.set_tail(self._splitter.tail(self._live.tail_rows(self._screen.height)))
        if blocks:
            self._show(blocks)
        else:
            self._screen.refresh()

    def _take(self) -> list[str]:
        text = "".join(self._waiting)
        self._waiting.clear()
        self._timer = None
        return self._splitter.feed(text) if text else []
