"""The retry policy for failed requests; the SDK's own retries are switched off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from aloop.errors import ConnectionFailed, LLMError

MAX_RETRY_AFTER = 120.0
"""Seconds. If the server asks for a longer wait, the error is reported at once and the request is not repeated."""

_TICK = 1.0
_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of tries and the pauses between them, in seconds.

    Pauses double from ``first_pause`` to ``longest_pause``. Each is shortened at random by up to a quarter, so that
    programs that failed together do not all retry together. Tests replace ``sleep`` and ``chance``.
    """

    tries: int = 5
    connection_tries: int = 3
    """Fewer, because a missing network or a stopped server seldom returns within seconds."""
    first_pause: float = 1.0
    longest_pause: float = 16.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def tries_for(self, error: LLMError) -> int:
        """Return the total number of tries for a request that fails with ``error``."""
        return self.connection_tries if isinstance(error, ConnectionFailed) else self.tries

    def pause(self, error: LLMError, failures: int) -> float | None:
        """Return the seconds to wait after ``failures`` in a row; None means give up."""
        if not error.is_transient or failures >= self.tries_for(error):
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= MAX_RETRY_AFTER else None
        pause = min(self.first_pause * 2.0 ** (failures - 1), self.longest_pause)
        return pause * (1 - _SPREAD * self.chance())

    async def count_down(self, seconds: float) -> AsyncGenerator[float, None]:
        """Wait for ``seconds``; yield the rest about once a second, and 0 at the end."""
        left = seconds
        while left > 0:
            yield left
            step = min(_TICK, left)
            await self.sleep(step)
            left -= step
        yield 0.0
