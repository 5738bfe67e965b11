"""A terminal in memory: pyte renders the output of prompt_toolkit."""

from __future__ import annotations

import asyncio
import copy
import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyte
from prompt_toolkit.data_structures import Size

from repl.output.renderer import TerminalOutput

_INTERVAL = 0.05  # seconds
PATIENCE = 60.0
"""Seconds to wait for expected output; only a failing test takes that long."""


_ALTERNATE = 1049


class EmulatedScreen(pyte.HistoryScreen):
    """A screen with the second screen of xterm, which pyte lacks."""

    _first: tuple[Any, Any] | None = None

    def set_mode(self, *modes: int, **kinds: Any) -> None:
        super().set_mode(*modes, **kinds)
        if kinds.get("private") and _ALTERNATE in modes and self._first is None:
            self._first = copy.deepcopy(self.buffer), copy.copy(self.cursor)
            self.erase_in_display(2)

    def reset_mode(self, *modes: int, **kinds: Any) -> None:
        super().reset_mode(*modes, **kinds)
        if kinds.get("private") and _ALTERNATE in modes and self._first is not None:
            (self.buffer, self.cursor), self._first = self._first, None
            self.cursor.y, self.cursor.x = min(self.cursor.y, self.lines - 1), min(self.cursor.x, self.columns - 1)


class Terminal(io.StringIO):
    """A screen to inspect; ``writes`` lists all that was sent to it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        super().__init__()
        self._screen = EmulatedScreen(columns, rows, history=10_000)
        self._stream = pyte.Stream(self._screen)
        self._written = asyncio.Event()
        self.writes: list[str] = []
        self.output = TerminalOutput(self, lambda: Size(rows=rows, columns=columns), enable_cpr=False)

    def write(self, text: str) -> int:
        self._stream.feed(text.replace("\n", "\r\n"))
        self.writes.append(text)
        self._written.set()
        return len(text)

    def cut_below_cursor(self) -> None:
        """Remove the rows below the cursor, so that the screen is less high."""
        screen = self._screen
        screen.erase_in_display(0)
        screen.lines = screen.cursor.y + 1

    @property
    def screen(self) -> list[str]:
        """The rows on the screen, down to the last that is not empty."""
        rows = [row.rstrip() for row in self._screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def cells(self) -> tuple[list[list[pyte.screens.Char]], tuple[int, int]]:
        """Every cell of the screen with its style, and the position of the cursor."""
        screen = self._screen
        rows = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
        return rows, (screen.cursor.x, screen.cursor.y)

    @property
    def scrollback(self) -> str:
        """All printed rows as one text."""
        gone = ("".join(row[x].data for x in range(self._screen.columns)).rstrip() for row in self._screen.history.top)
        return "\n".join([*gone, *self.screen])

    async def wait_for(self, text: str) -> None:
        """Wait until ``text`` has been printed."""
        await self.wait_until(lambda: text in self.scrollback, repr(text))

    async def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Check until ``holds`` returns True: after each write, and regularly.

        A screen that changes and changes back before it is drawn is not written.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    self._written.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_INTERVAL):  # wait_for would wake up later
                            await self._written.wait()
        except TimeoutError:
            raise AssertionError(f"waited for {what}; the screen shows:\n{self.scrollback}") from None
