"""What stands above the prompt while a turn runs: the end of the unfinished answer, and what is being done."""

from __future__ import annotations

import time
from collections.abc import Callable

from aloop.sanitize import safe_line, safe_text
from aloop.width import fit, last_rows, unjoined
from repl.output.styled import Line, Style, line

_MOST_ROWS = 12


class Live:
    """The changing part of the screen; the layout asks it for rows whenever it draws."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tail: list[str] = []
        self._status = ""
        self._since = 0.0
        self.tokens = ""
        """How many there were so far, in words; empty when that is not known."""
        self.leave_gap = False
        """Whether a blank row parts the unfinished answer from what stands above it."""

    def begin(self, status: str) -> None:
        """Show ``status`` and count the seconds from now."""
        self._status, self._since, self._tail, self.tokens = status, self._clock(), [], ""

    def set_status(self, status: str) -> None:
        self._status = status

    def set_tail(self, lines: list[str]) -> None:
        """Show the end of ``lines``, which may hold anything."""
        self._tail = unjoined(safe_text("\n".join(lines))).split("\n") if lines else []

    @property
    def has_tail(self) -> bool:
        return bool(self._tail)

    def end(self) -> None:
        """Show nothing any more."""
        self._status, self._tail = "", []

    @property
    def status(self) -> str:
        """What is being done and for how long; empty when nothing is."""
        return f"{self._status}{self._measures()}" if self._status else ""

    def status_in(self, width: int) -> str:
        """Return the status in ``width`` cells; where that is too little, less of what is being done is told."""
        measures = self._measures()
        return f"{fit(unjoined(safe_line(self._status)), width - len(measures))}{measures}" if self._status else ""

    def _measures(self) -> str:
        seconds = int(self._clock() - self._since)
        return "".join(f" · {part}" for part in (f"{seconds}s" if seconds else "", self.tokens, "Ctrl-C stops") if part)

    @staticmethod
    def tail_rows(height: int) -> int:
        """Return how many rows of an unfinished answer are shown on a screen of ``height`` rows."""
        return max(3, min(_MOST_ROWS, height // 2 - 2))

    def rows(self, width: int, height: int, room: int) -> list[Line]:
        """Return the newest rows of the answer and the status, ``room`` rows at most, for a screen of this size."""
        status = [line((Style.ACCENT, self.status_in(width - 1)))] if self._status else []
        newest = last_rows(self._tail, width - 1, self.tail_rows(height))
        tail = ["", *newest] if newest and self.leave_gap else newest
        rows = [*map(line, tail), *status]
        return rows[max(len(rows) - room, 0) :]
