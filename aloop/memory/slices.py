"""A blocking generator as an asynchronous one: it runs on a thread, a short while at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

SLICE = 0.05
"""Seconds that the generator runs before what it has made is handed over."""


async def in_slices(work: Iterator[Sequence[T]]) -> AsyncIterator[T]:
    """Yield what ``work`` makes, some or none at a time. Nothing runs on while nobody asks for more."""
    is_over = False
    while not is_over:
        made, is_over = await asyncio.to_thread(_run, work)
        for item in made:
            yield item


def _run(work: Iterator[Sequence[T]]) -> tuple[list[T], bool]:
    """Return what is made in one slice, and whether that was all."""
    until = time.monotonic() + SLICE
    made: list[T] = []
    for items in work:
        made += items
        if time.monotonic() > until:
            return made, False
    return made, True
