"""What stands above the prompt while a turn runs: the end of the unfinished answer, and what is being done."""

from __future__ import annotations

import time
from collections.abc import Callable

from repl.cells import last_rows
from repl.sanitize import safe_text

_MOST_ROWS = 12


class Live:
    """The changing part of the screen; the layout asks it for rows whenever it draws."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tail: list[str] = []
        self._status = ""
        self._since = 0.0
        self.leave_gap = False
        """Whether a blank row parts the unfinished answer from what stands above it."""

    def begin(self, status: str) -> None:
        """Show ``status`` and count the seconds from now."""
        self._status, self._since, self._tail = status, self._clock(), []

    def set_status(self, status: str) -> None:
        self._status = status

    def set_tail(self, lines: list[str]) -> None:
        """Show the end of ``lines``, which may hold anything."""
        self._tail = safe_text("\n".join(lines)).split("\n") if lines else []

    @property
    def has_tail(self) -> bool:
        return bool(self._tail)

    def end(self) -> None:
        """Show nothing any more."""
        self._status, self._tail = "", []

    @property
    def status(self) -> str:
        """What is being done and for how long; empty when nothing is."""
        if not self._status:
            return ""
        seconds = int(self._clock() - self._since)
        return f"{self._status} · {seconds}s · Ctrl-C stops" if seconds else f"{self._status} · Ctrl-C stops"

    @staticmethod
    def tail_rows(height: int) -> int:
        """Return how many rows of an unfinished answer are shown on a screen of ``height`` rows."""
        return max(3, min(_MOST_ROWS, height // 2 - 2))

    def tail(self, width: int, height: int) -> str:
        """Return the newest rows of the unfinished answer."""
        rows = last_rows(self._tail, width, self.tail_rows(height))
        return "\n".join(["", *rows] if self.leave_gap else rows)
