"""Where lines come from that are not edited on the screen: a pipe, or a terminal that is asked for one at a time."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Protocol

Complete = Callable[[str, int], tuple[str, list[str]]]
"""Takes what stands before the cursor, and how many columns there are; see ``TabOffers.complete``."""


class LineSource(Protocol):
    """Gives lines, one after the other."""

    @property
    def is_lent(self) -> bool:
        """Whether another program has the terminal just now, and Ctrl-C is meant for that."""
        ...

    async def next(self, lead: str) -> str | None:
        """Return the next line, None when there are no more; ``lead`` is shown to whoever is asked.

        Raises KeyboardInterrupt when Ctrl-C is the answer, and ToldToEnd when the program is to end.
        """
        ...

    def remember(self, line: str) -> None:
        """Offer ``line`` again later."""
        ...

    def offer(self, text: str) -> bool:
        """Have ``text`` stand on the next line, for another try; False when it must be shown, and entered again.

        What was typed meanwhile stands there rather than that.
        """
        ...

    def kept(self) -> AbstractContextManager[None]:
        """Have what is typed while the body runs stand on the next line, and nowhere else."""
        ...

    def complete_with(self, complete: Complete) -> None:
        """Have Tab offer what ``complete`` finds."""
        ...


class InteractiveSource(Protocol):
    """Somebody who can be asked something in the middle of a turn."""

    async def answer(self, lead: str) -> str | None:
        """As ``LineSource.next``, for the answer to a question: nothing that was offered stands there."""
        ...

    def set_aside(self) -> None:
        """Have what was typed and not read yet stand on the next line: it answers nothing that was not asked yet."""
        ...

    def lent(self) -> AbstractContextManager[None]:
        """Another program has the terminal while the body runs; in the end the terminal is as it was."""
        ...


class PipedLines:
    """Standard input, read in a thread (a daemon: a pipe may never end); nobody is there to be asked."""

    is_lent = False

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    async def next(self, lead: str) -> str | None:  # noqa: ARG002 - nobody reads it
        return await self._queue.get()

    def remember(self, line: str) -> None:
        """Whoever wrote the lines has them."""

    def offer(self, text: str) -> bool:  # noqa: ARG002 - the same
        return True

    def kept(self) -> AbstractContextManager[None]:
        return nullcontext()

    def complete_with(self, complete: Complete) -> None:
        """Nobody presses Tab."""

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for lines any more
            for line in sys.stdin:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, line.rstrip("\r\n"))
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
