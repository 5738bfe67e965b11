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
_MOST_CHARACTERS = 8_000  # of a line that is shown
_MOST_WAITING = 1 << 17  # characters, until the next frame


class CommandOutput:
    """Takes pieces; of a line that was written over (as bars of progress are), the newest text counts."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._rest = ""
        self._printed = 0
        self._held: list[str] = []
        self._passed = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._rest += text
        if len(self._rest) > _MOST_WAITING:
            self._print_whole_lines()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._rest and not self._rest.endswith("\n"):
            self._rest += "\n"
        self._live.set_tail([])
        self._print_whole_lines()
        if self._passed:
            self._screen.write(f"… {self._passed:,} lines are not shown …\n")
        self._print(self._held)

    def _flush(self) -> None:
        self._timer = None
        self._live.set_tail([])
        self._print_whole_lines()
        rows = self._live.tail_rows(self._screen.height)
        self._live.set_tail([_last_state(line) for line in [*self._held[-rows:], self._rest] if line])
        self._screen.refresh()

    def _print_whole_lines(self) -> None:
        """Print them, and of what is too much to be printed keep the last; very much of it may come at once."""
        *lines, self._rest = self._rest.split("\n", MOST_LINES - self._printed)
        self._printed += len(lines)
        self._print(lines)
        if count := self._rest.count("\n"):
            *lines, self._rest = self._rest.rsplit("\n", _LAST_LINES + 1)
            self._held += lines[-_LAST_LINES:]
            self._passed += count - len(lines[-_LAST_LINES:])
            surplus = max(0, len(self._held) - _LAST_LINES)
            self._passed += surplus
            del self._held[:surplus]
        if len(self._rest) > _MOST_CHARACTERS:
            self._rest = _last_state(self._rest) + ("\r" if self._rest.endswith("\r") else "")

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(safe_text("\n".join(map(_last_state, lines))) + "\n")


def _last_state(line: str) -> str:
    state = line.rstrip("\r").rpartition("\r")[2]
    return state if len(state) <= _MOST_CHARACTERS else f"{state[:_MOST_CHARACTERS]}…"
