"""Blocking work beside the event loop, told to stop when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run ``work(stop)`` in a thread; cancelling returns at once and sets ``stop``.

    A thread can not be ended from outside, and the process waits for it when it exits: work of any length looks at
    ``stop`` now and then and gives up when it is set.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()
