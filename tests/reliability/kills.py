"""SIGKILL at every system call, during recovery, and at random times."""

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
from tests.reliability.children import Child
from tests.reliability.filesystems import Call, Hook, installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict, verdict_row
from tests.reliability.scenario import Event, OnEvent, run_scenario

_MAX_DELAY = 0.03
"""Maximum time from the first event of a child to the kill, in seconds."""
_SESSIONS = Path(".aloop") / "sessions"


def at_every_call(*, full: bool) -> Row:
    """Kill a scenario at each system call, or at every fifth in the quick form."""
    points = range(1, _count_calls() + 1, 1 if full else 5)
    return verdict_row("SIGKILL at every system call", map(killed_at, points))


def in_recovery(*, full: bool) -> Row:
    """Kill a scenario, then kill the recovery at each of its system calls."""
    first = range(20, _count_calls(), 5 if full else 40)
    return verdict_row(
        "SIGKILL at every system call of the recovery from a kill", _killed_twice(first, 1 if full else 4)
    )


def at_random_times(*, full: bool) -> Row:
    chance = random.Random(5)
    delays = [chance.uniform(0, _MAX_DELAY) for _ in range(1000 if full else 15)]
    return verdict_row("SIGKILL at random times", map(killed_after, delays))


def _count_calls() -> int:
    with tempfile.TemporaryDirectory() as folder, Child(_run_scenario, Path(folder) / _SESSIONS, 0) as child:
        *_, last = (item for item in child.events() if item.kind == "aside")
        assert child.wait() == 0
    return int(last.text)


def killed_at(number: int) -> Verdict:
    """Run the scenario until system call ``number``, and start again."""
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        return asyncio.run(start_again(root, _until_death(root, number)))


def _until_death(root: Path, number: int) -> list[Event]:
    with Child(_run_scenario, root, number) as child:
        events = list(child.events())
        assert child.wait() == -signal.SIGKILL
    return events


def killed_after(delay: float) -> Verdict:
    """Kill the scenario ``delay`` seconds after its first event, and start again."""
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        with Child(_repeat_scenario, root) as child:
            incoming = child.events()
            events = [next(incoming)]
            killer = threading.Timer(delay, child.kill)
            killer.start()
            events += incoming
            killer.join()
            assert child.wait() == -signal.SIGKILL
        return asyncio.run(start_again(root, events))


def _killed_twice(first: Iterable[int], stride: int) -> Iterator[Verdict]:
    for number in first:
        with tempfile.TemporaryDirectory() as folder, installed():
            crashed = Path(folder) / "crashed"
            events = _until_death(crashed / _SESSIONS, number)
            second, ended = 1, False
            while not ended:
                again = Path(folder) / f"again-{second}"
                shutil.copytree(crashed, again)
                with Child(_recover, again / _SESSIONS, second) as child:
                    ended = child.wait() == 0
                yield asyncio.run(start_again(again / _SESSIONS, events))
                second += stride


def _run_scenario(root: Path, fatal: int, on_event: OnEvent) -> None:
    """Run the scenario and be killed at system call ``fatal``; 0 for never."""
    with installed(_kill_at(fatal, on_event)):
        asyncio.run(run_scenario(root, on_event))


def _repeat_scenario(root: Path, on_event: OnEvent) -> None:
    """Repeat the scenario until killed from outside."""
    with installed():
        while True:
            asyncio.run(run_scenario(root, on_event))


def _recover(root: Path, fatal: int, on_event: OnEvent) -> None:
    """Recover, and be killed at system call ``fatal``."""
    with installed(_kill_at(fatal, on_event)):
        asyncio.run(SessionLibrary(root).recover())


def _kill_at(fatal: int, on_event: OnEvent) -> Hook:
    """Return a hook that kills the process at call ``fatal``, halfway through a write."""
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
            on_event(Event("aside", text=str(count)))
        return call.make()

    return hook
