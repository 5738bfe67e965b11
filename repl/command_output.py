"""What a command of the user's own prints: whole lines into the scrollback as they come, the last one live."""

from __future__ import annotations

import asyncio

from repl.live import Live
from repl.sanitize import safe_text
from repl.screen import Screen
from repl.stream import FRAME

MOST_LINES = 2_000
"""Printed as they come; of what is longer than that only the end is."""

_LAST_LINES = 20
_MOST_CHARACTERS = 8_000  # of an unfinished line, and of a row that is shown


class CommandOutput:
    """Takes pieces; of a line that was written over (as bars of progress are), the newest text counts."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._waiting: list[str] = []
        self._rest = ""
        self._printed = 0
        self._held: list[str] = []
        self._passed = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._waiting.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print what is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._take()
        if self._rest:
            self._hold([self._rest])
            self._rest = ""
        self._live.set_tail([])
        shown = self._held[-_LAST_LINES:]
        if (passed := self._passed + len(self._held) - len(shown)) > 0:
            self._screen.write(f"… {passed:,} lines are not shown …\n")
        self._print(shown)

    def _flush(self) -> None:
        self._timer = None
        self._take()
        rows = self._live.tail_rows(self._screen.height)
        self._live.set_tail([_last_state(line) for line in [*self._held[-rows:], self._rest] if line])
        self._screen.refresh()

    def _take(self) -> None:
        *lines, self._rest = (self._rest + "".join(self._waiting)).split("\n")
        self._rest = self._rest[-_MOST_CHARACTERS:]
        self._waiting.clear()
        room = MOST_LINES - self._printed
        self._live.set_tail([])
        self._print(lines[:room])
        self._printed += len(lines[:room])
        self._hold(lines[room:])

    def _hold(self, lines: list[str]) -> None:
        """Keep what is to be printed at the end, perhaps."""
        self._held += lines
        surplus = max(0, len(self._held) - _LAST_LINES)
        self._passed += surplus
        del self._held[:surplus]

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(safe_text("\n".join(map(_last_state, lines))) + "\n")


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2][:_MOST_CHARACTERS]
