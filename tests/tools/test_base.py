"""Work in a thread, and its cancellation."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aloop.tools.base import in_thread


async def test_in_thread_returns_the_result_from_another_thread() -> None:
    assert await in_thread(lambda stop: threading.current_thread()) is not threading.current_thread()


async def test_cancelling_in_thread_returns_at_once_and_sets_stop() -> None:
    loop = asyncio.get_running_loop()
    begun = asyncio.Event()
    ended = asyncio.Event()

    def work(stop: threading.Event) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert stop.wait(10)  # set only by the cancellation
        loop.call_soon_threadsafe(ended.set)

    task = asyncio.ensure_future(in_thread(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)
