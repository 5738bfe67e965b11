"""When a question that failed is asked again: the one policy there is, for the SDK's own is switched off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from aloop.errors import ConnectionFailed, LLMError

LONGEST_ASKED = 60.0
"""Seconds that are waited at most, however many the API asks for."""

_TICK = 1.0
_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long; all times in seconds.

    Pauses double from ``first_pause`` to ``longest_pause``, each shortened at random by up to a quarter, so that
    programs that failed together do not come back together. ``sleep`` and ``chance`` can be replaced, by tests for one.
    """

    tries: int = 5
    connection_tries: int = 3
    """A network that is not there, or a server that is down, seldom comes back while somebody waits."""
    first_pause: float = 1.0
    longest_pause: float = 16.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def tries_for(self, error: LLMError) -> int:
        """Return how many tries there are in all for what failed so."""
        return self.connection_tries if isinstance(error, ConnectionFailed) else self.tries

    def pause(self, error: LLMError, failures: int) -> float | None:
        """Return the seconds to wait after this many failures in a row; None when it is not to be tried again."""
        if not error.is_transient or failures >= self.tries_for(error):
            return None
        if error.retry_after is not None:
            return min(error.retry_after, LONGEST_ASKED)
        pause = min(self.first_pause * 2.0 ** (failures - 1), self.longest_pause)
        return pause * (1 - _SPREAD * self.chance())

    async def count_down(self, seconds: float) -> AsyncGenerator[float, None]:
        """Wait for ``seconds``, and yield what is left of them, about once a second and 0 at the end."""
        left = seconds
        while left > 0:
            yield left
            step = min(_TICK, left)
            await self.sleep(step)
            left -= step
        yield 0.0
