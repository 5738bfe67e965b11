"""Power cuts after each recorded system call of a scenario."""

from __future__ import annotations

import asyncio
import hashlib
import pickle
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.children import Child
from tests.reliability.crash_states import Disk, State
from tests.reliability.filesystems import Call, installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict, verdict_row
from tests.reliability.scenario import Event, OnEvent, run_scenario

_SESSIONS = Path(".aloop") / "sessions"
_SYNCS = frozenset({"fsync", "sync_folder"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished system call and its result."""

    name: str
    arguments: tuple[Any, ...]
    result: Any


def power_cuts(*, full: bool) -> Row:
    """Cut the power after each call, in up to ``limit`` possible disk states."""
    verdicts = asyncio.run(_judge_all(limit=120 if full else 4, stride=1 if full else 2, with_syncs=True))
    return verdict_row("power loss at every call, in every legal state of the disk", verdicts)


def power_cuts_without_syncs(*, full: bool) -> Row:
    """Skip all syncs: unless this loses data, the trial above proves nothing."""
    verdicts = asyncio.run(_judge_all(limit=20 if full else 4, stride=1 if full else 8, with_syncs=False))
    total = sum(verdicts, Verdict())
    name = "the same without fsync"
    return Row(name, len(verdicts), str(total), "lost > 0, or the row above proves nothing", total.lost > 0)


async def _judge_all(*, limit: int, stride: int, with_syncs: bool) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / "project"
        root.mkdir()
        verdicts, seen = [], set()
        for state, events in crash_states(root, limit, stride, with_syncs=with_syncs):
            mark = hashlib.sha256(repr((sorted(state.items()), len(events))).encode()).digest()
            if mark not in seen:
                seen.add(mark)
                verdicts.append(await _judge(Path(folder) / str(len(seen)), state, events))
        return verdicts


def crash_states(root: Path, limit: int, stride: int, *, with_syncs: bool) -> Iterator[tuple[State, list[Event]]]:
    """Yield disk states after every ``stride``-th event, with the events so far."""
    chance, disk, told = random.Random(6), Disk(root), list[Event]()
    for number, event in enumerate(record(root)):
        if isinstance(event, Event):
            told.append(event)
        elif (event.name in _SYNCS and not with_syncs) or not disk.follow(event.name, event.arguments, event.result):
            continue
        if number % stride == 0:
            for state in disk.states(chance, limit):
                yield state, list(told)


def record(root: Path) -> list[Recorded | Event]:
    """Return the system calls and events of a scenario in order."""
    log = root.with_name("log")
    with Child(_run_recorded, root, log) as child:
        assert child.wait() == 0
    events: list[Recorded | Event] = pickle.loads(log.read_bytes())
    return events


def _run_recorded(root: Path, log: Path, _on_event: OnEvent) -> None:
    events: list[Recorded | Event] = []

    def hook(call: Call) -> Any:
        result = call.make()
        if call.name == "folders":
            result = list(result)
        kept = tuple(bytes(argument) if isinstance(argument, memoryview) else argument for argument in call.arguments)
        plain = result if isinstance(result, int | None) else None
        events.append(Recorded(call.name, kept, plain))
        return result

    with installed(hook):
        asyncio.run(run_scenario(root / _SESSIONS, events.append))
    log.write_bytes(pickle.dumps(events))


async def _judge(root: Path, state: State, events: list[Event]) -> Verdict:
    root.mkdir()
    for name, content in state.items():
        if content is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(content)
    return await start_again(root / _SESSIONS, events)
