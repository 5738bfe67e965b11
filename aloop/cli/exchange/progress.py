"""A progress bar on standard error, for work that reads a known number of bytes."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

_WIDTH = 30
_INTERVAL = 0.1


class ProgressBar:
    """Shows how much of ``total`` bytes is read, if standard error is a terminal."""

    def __init__(self, title: str, total: int, *, shown: bool = True) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._is_shown = shown and total > 0 and sys.stderr.isatty()
        self._next = time.monotonic() + _INTERVAL
        self._width = 0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.clear()

    def advance(self, size: int) -> None:
        """Count ``size`` more bytes."""
        self._done += size
        if self._is_shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            share = min(self._done / self._total, 1)
            filled = round(share * _WIDTH)
            megabytes = f"{self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB"
            self._draw(f"{self._title} {'█' * filled}{'░' * (_WIDTH - filled)} {share:4.0%}  {megabytes}")

    def clear(self) -> None:
        """Remove the bar, so that a line can be printed."""
        if self._width:
            self._draw("")
            sys.stderr.write("\r")
            sys.stderr.flush()

    def _draw(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + text + " " * (self._width - len(text)))
        sys.stderr.flush()
        self._width = len(text)
