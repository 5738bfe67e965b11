"""The live rows above the prompt: unfinished text, and the status of the turn."""

from __future__ import annotations

import time
from collections.abc import Callable

from aloop.sanitize import safe_line, safe_text
from aloop.width import fit, last_rows, unjoined
from repl.output.styled import Line, line
from repl.output.theme import Style

_MOST_ROWS = 12


class Live:
    """Unfinished text and a status, whose rows are requested at each drawing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tail: list[str] = []
        self._status = ""
        self._since = 0.0
        self.tokens = ""
        """The number of tokens so far, with its unit; empty if unknown."""
        self.leave_gap = False
        """Whether a blank row separates the unfinished answer from the text above it."""

    def begin(self, status: str) -> None:
        """Show ``status``, and count the seconds from now."""
        self._status, self._since, self._tail, self.tokens = status, self._clock(), [], ""

    def set_status(self, status: str) -> None:
        self._status = status

    def set_tail(self, lines: list[str]) -> None:
        """Show the end of ``lines``, which need not be safe."""
        self._tail = unjoined(safe_text("\n".join(lines))).split("\n") if lines else []

    @property
    def has_tail(self) -> bool:
        return bool(self._tail)

    def end(self) -> None:
        """Show nothing."""
        self._status, self._tail = "", []

    @property
    def status(self) -> str:
        """The status with its time and its tokens; empty if there is none."""
        return f"{self._status}{self._measures()}" if self._status else ""

    def status_in(self, width: int) -> str:
        """Return the status in ``width`` cells, with only its text cut.

        Time and tokens are kept.
        """
        measures = self._measures()
        return f"{fit(unjoined(safe_line(self._status)), width - len(measures))}{measures}" if self._status else ""

    def _measures(self) -> str:
        seconds = int(self._clock() - self._since)
        return "".join(f" · {part}" for part in (f"{seconds}s" if seconds else "", self.tokens, "Ctrl-C stops") if part)

    @staticmethod
    def tail_rows(height: int) -> int:
        """Return the number of rows for unfinished text on a screen of ``height`` rows."""
        return max(3, min(_MOST_ROWS, height // 2 - 2))

    def rows(self, width: int, height: int, room: int) -> list[Line]:
        """Return the last rows of the text and the status, at most ``room`` rows."""
        status = [line((Style.ACCENT, self.status_in(width - 1)))] if self._status else []
        newest = last_rows(self._tail, width - 1, self.tail_rows(height))
        tail = ["", *newest] if newest and self.leave_gap else newest
        rows = [*map(line, tail), *status]
        return rows[max(len(rows) - room, 0) :]
