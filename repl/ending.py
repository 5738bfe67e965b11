"""SIGTERM and SIGHUP where lines are read: what is being done is ended as Ctrl-C would, and then the program."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class ToldToEnd(Exception):
    """Raised where a line is waited for, which nothing else can end; ``code`` is what the program then returns."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class Ending:
    """Listens from construction, on the running event loop; ``code`` is 0 until somebody has told us to end.

    ``work`` is what is cancelled then.
    """

    def __init__(self) -> None:
        self.code = 0
        self.work: asyncio.Future[Any] | None = None
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._end, number)

    def _end(self, number: int) -> None:
        self.code = 128 + number
        if self.work:
            self.work.cancel()
