"""Power cuts: the recorded calls of a life, and after each of them what a disk may hold then."""

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

from tests.reliability.acts import News, Tell, life
from tests.reliability.children import Child
from tests.reliability.crash_states import Disk, State
from tests.reliability.filesystems import Call, installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict, verdict_row

_SESSIONS = Path(".aloop") / "sessions"
_SYNCS = frozenset({"fsync", "sync_folder"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call that was made, with its result."""

    name: str
    arguments: tuple[Any, ...]
    result: Any


def power_cuts(*, full: bool) -> Row:
    """A power cut after each call, in every state the syncs allow, up to a number of them."""
    verdicts = asyncio.run(_judge_all(limit=120 if full else 4, stride=1 if full else 2, with_syncs=True))
    return verdict_row("power loss at every call, in every legal state of the disk", verdicts)


def power_cuts_without_syncs(*, full: bool) -> Row:
    """The same with the syncs taken out: it must lose, or the trial above shows nothing."""
    verdicts = asyncio.run(_judge_all(limit=20 if full else 4, stride=1 if full else 8, with_syncs=False))
    total = sum(verdicts, Verdict())
    what = "the same, with fsync taken out"
    return Row(what, len(verdicts), str(total), "lost, or the row above shows nothing", total.lost > 0)


async def _judge_all(*, limit: int, stride: int, with_syncs: bool) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / "project"
        root.mkdir()
        verdicts, seen = [], set()
        for state, news in crash_states(root, limit, stride, with_syncs=with_syncs):
            mark = hashlib.sha256(repr((sorted(state.items()), len(news))).encode()).digest()
            if mark not in seen:
                seen.add(mark)
                verdicts.append(await _judge(Path(folder) / str(len(seen)), state, news))
        return verdicts


def crash_states(root: Path, limit: int, stride: int, *, with_syncs: bool) -> Iterator[tuple[State, list[News]]]:
    """Yield what the disk may hold after each (``stride``-th) event below ``root``, and what was acknowledged then."""
    chance, disk, told = random.Random(6), Disk(root), list[News]()
    for number, event in enumerate(record(root)):
        if isinstance(event, News):
            told.append(event)
        elif (event.name in _SYNCS and not with_syncs) or not disk.follow(event.name, event.arguments, event.result):
            continue
        if number % stride == 0:
            for state in disk.states(chance, limit):
                yield state, list(told)


def record(root: Path) -> list[Recorded | News]:
    """Return the calls of a life and what it told, in their order; its process is dead by then."""
    log = root.with_name("log")
    with Child(_live_recorded, root, log) as child:
        assert child.wait() == 0
    events: list[Recorded | News] = pickle.loads(log.read_bytes())
    return events


def _live_recorded(root: Path, log: Path, _tell: Tell) -> None:
    events: list[Recorded | News] = []

    def hook(call: Call) -> Any:
        result = call.make()
        if call.name == "folders":
            result = list(result)
        kept = tuple(bytes(argument) if isinstance(argument, memoryview) else argument for argument in call.arguments)
        plain = result if isinstance(result, int | None) else None
        events.append(Recorded(call.name, kept, plain))
        return result

    with installed(hook):
        asyncio.run(life(root / _SESSIONS, events.append))
    log.write_bytes(pickle.dumps(events))


async def _judge(root: Path, state: State, news: list[News]) -> Verdict:
    root.mkdir()
    for name, content in state.items():
        if content is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(content)
    return await start_again(root / _SESSIONS, news)
