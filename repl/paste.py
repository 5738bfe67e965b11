"""Tell a key that was pressed from one that came along with a paste.

A terminal marks where a paste ends, and text that contains that mark can end it early: what follows would arrive as
keys, Enter among them. A person can not press a key within milliseconds of a paste, so Enter means Enter again only
after the keys have paused.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE = 0.06
"""Seconds without a key after which a paste is over; rendering between two reads of a long one stays below it."""


class PasteGuard:
    """Is told of every key; knows whether they still belong to a paste."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_key = 0.0
        self._in_paste = False

    def key(self) -> None:
        """Take note that a key is about to be handled."""
        now = self._clock()
        if now - self._last_key > PAUSE:
            self._in_paste = False
        self._last_key = now

    def paste(self) -> None:
        """Take note that the key being handled is a paste."""
        self._in_paste = True
        self._last_key = self._clock()

    @property
    def in_paste(self) -> bool:
        """Whether the key being handled came along with a paste."""
        return self._in_paste
