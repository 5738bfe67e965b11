"""SIGKILL: at every system call, in the recovery from one as well, and at random times."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aloop.memory import SessionLibrary
from tests.reliability.acts import News, Tell, life
from tests.reliability.children import Child
from tests.reliability.filesystems import Call, Hook, installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict, verdict_row

_LONGEST = 0.03
"""Seconds that a child lives on after its first word, at most."""
_SESSIONS = Path(".aloop") / "sessions"


def at_every_call(*, full: bool) -> Row:
    """A kill at each call of a life; the quick form takes every fifth of them."""
    points = range(1, _count_calls() + 1, 1 if full else 5)
    return verdict_row("SIGKILL at every system call", map(killed_at, points))


def in_recovery(*, full: bool) -> Row:
    """A second kill, at each call of the recovery from the first."""
    first = range(20, _count_calls(), 5 if full else 40)
    return verdict_row("SIGKILL at every call of the recovery from one", _killed_twice(first, 1 if full else 4))


def at_random_times(*, full: bool) -> Row:
    chance = random.Random(5)
    delays = [chance.uniform(0, _LONGEST) for _ in range(1000 if full else 15)]
    return verdict_row("SIGKILL at random times", map(killed_after, delays))


def _count_calls() -> int:
    with tempfile.TemporaryDirectory() as folder, Child(_live, Path(folder) / _SESSIONS, 0) as child:
        *_, last = (item for item in child.news() if item.kind == "aside")
        assert child.wait() == 0
    return int(last.text)


def killed_at(number: int) -> Verdict:
    """Live until the call of this number, and start again."""
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        return asyncio.run(start_again(root, _until_death(root, number)))


def _until_death(root: Path, number: int) -> list[News]:
    with Child(_live, root, number) as child:
        news = list(child.news())
        assert child.wait() == -signal.SIGKILL
    return news


def killed_after(delay: float) -> Verdict:
    """Live for so many seconds after the first acknowledged message, and start again."""
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        with Child(_live_on, root) as child:
            words = child.news()
            news = [next(words)]
            killer = threading.Timer(delay, child.kill)
            killer.start()
            news += words
            killer.join()
            assert child.wait() == -signal.SIGKILL
        return asyncio.run(start_again(root, news))


def _killed_twice(first: Iterable[int], stride: int) -> Iterator[Verdict]:
    for number in first:
        with tempfile.TemporaryDirectory() as folder, installed():
            crashed = Path(folder) / "crashed"
            news = _until_death(crashed / _SESSIONS, number)
            second, ended = 1, False
            while not ended:
                again = Path(folder) / f"again-{second}"
                shutil.copytree(crashed, again)
                with Child(_recover, again / _SESSIONS, second) as child:
                    ended = child.wait() == 0
                yield asyncio.run(start_again(again / _SESSIONS, news))
                second += stride


def _live(root: Path, fatal: int, tell: Tell) -> None:
    """Live, and be killed at the system call of that number; 0 for none."""
    with installed(_deadly(fatal, tell)):
        asyncio.run(life(root, tell))


def _live_on(root: Path, tell: Tell) -> None:
    """Live again and again until somebody else ends it."""
    with installed():
        while True:
            asyncio.run(life(root, tell))


def _recover(root: Path, fatal: int, tell: Tell) -> None:
    """Start, and be killed at the system call of that number."""
    with installed(_deadly(fatal, tell)):
        asyncio.run(SessionLibrary(root).recover())


def _deadly(fatal: int, tell: Tell) -> Hook:
    """Return a hook that kills the process at the call of this number, in the middle of it where it is a write."""
    count = 0

    def hook(call: Call) -> Any:
        nonlocal count
        count += 1
        if count == fatal:
            if call.name == "write":
                descriptor, data = call.arguments
                call.function(descriptor, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        if fatal == 0:
            tell(News("aside", text=str(count)))
        return call.make()

    return hook
