"""What is attempted on a disk that refuses, and what must be true right after."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aloop.errors import AloopError, SessionNotFound
from aloop.memory import MemoryManager, SessionLibrary
from tests.reliability.acts import News, cut_turn, exchange, take_turn
from tests.reliability.filesystems import Call

# It says no where it can not say.
_NEVER_REFUSED = frozenset({"exists"})


@dataclass(slots=True)
class Refusal:
    """Refuses the call of a number, or all from there on, while it is armed; 0 for none."""

    number: int = 0
    error: int = errno.EIO
    lasting: bool = False
    armed: bool = False
    count: int = 0

    def __call__(self, call: Call) -> Any:
        if not self.armed or call.name in _NEVER_REFUSED:
            return call.make()
        self.count += 1
        if self.count == self.number or (self.lasting and 0 < self.number <= self.count):
            if call.name == "close":
                call.make()  # a descriptor is gone also when closing it fails
            raise OSError(self.error, os.strerror(self.error), str(call.arguments[0]))
        return call.make()


@dataclass(slots=True)
class Trial:
    """One shell on one disk, and what it was told."""

    root: Path
    refusal: Refusal
    told: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    news: list[News] = field(default_factory=list)

    def shell(self) -> MemoryManager:
        memory = MemoryManager(sessions_dir=self.root, hold=True)
        memory.on_notice = self.told.append
        return memory

    async def attempt(self, act: Awaitable[object]) -> bool:
        """Await it as a shell does: what storage refuses is told; anything else is a fault of ours."""
        try:
            await act
        except AloopError as error:
            self.told.append(str(error))
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            self.raw.append(repr(error))
        else:
            return True
        return False


async def turn_of_an_open_session(trial: Trial) -> None:
    """A turn on the faulty disk between two on a sound one: it stays in memory, and goes with the next save."""
    memory = trial.shell()
    await take_turn(memory, "before", trial.news.append)
    await _faulty_turn(trial, memory)
    await take_turn(memory, "after", trial.news.append)
    memory.close()


async def first_turn(trial: Trial) -> None:
    memory = trial.shell()
    await _faulty_turn(trial, memory)
    await take_turn(memory, "after", trial.news.append)
    memory.close()


async def turn_that_is_taken_back(trial: Trial) -> None:
    memory = trial.shell()
    await take_turn(memory, "before", trial.news.append)
    trial.refusal.armed = True
    await trial.attempt(cut_turn(memory, "regretted", lambda _: None, after=1))
    trial.refusal.armed = False
    await take_turn(memory, "after", trial.news.append)
    memory.close()


async def resumption(trial: Trial) -> None:
    """A session is opened on the faulty disk, or stays as it was and is opened afterwards."""
    first = trial.shell()
    await take_turn(first, "before", trial.news.append)
    first.close()
    memory = trial.shell()
    trial.refusal.armed = True
    done = await trial.attempt(memory.resume(first.session_id))
    trial.refusal.armed = False
    if not done:
        assert memory.session_id != first.session_id
        await memory.resume(first.session_id)
    await take_turn(memory, "after", trial.news.append)
    memory.close()


async def deletion(trial: Trial) -> None:
    memory = trial.shell()
    await take_turn(memory, "before", trial.news.append)
    memory.close()
    trial.refusal.armed = True
    await trial.attempt(SessionLibrary(trial.root).delete(memory.session_id))
    trial.refusal.armed = False
    if await MemoryManager.find_session_by_prefix(memory.session_id, sessions_dir=trial.root) is None:
        trial.news.append(News("gone", memory.session_id))


async def recovery(trial: Trial) -> None:
    """A turn of a dead writer is brought back on the faulty disk, or by the next start."""
    memory = trial.shell()
    await take_turn(memory, "before", trial.news.append)
    turn = memory.turn()
    await turn.__aenter__()
    for message in list(exchange("crashed"))[:3]:
        await turn.add(message)
        trial.news.append(News("kept", memory.session_id, message.content or ""))
    memory.close()  # lets go of the journal as a death does
    trial.refusal.armed = True
    await trial.attempt(SessionLibrary(trial.root).recover())
    trial.refusal.armed = False


Stage = Callable[[Trial], Awaitable[None]]

STAGES: tuple[Stage, ...] = (
    turn_of_an_open_session,
    first_turn,
    turn_that_is_taken_back,
    resumption,
    deletion,
    recovery,
)


async def _faulty_turn(trial: Trial, memory: MemoryManager) -> None:
    trial.refusal.armed = True
    before = len(memory.messages)
    done = await trial.attempt(take_turn(memory, "during", lambda _: None))
    trial.refusal.armed = False
    await _check_told(trial, memory, done=done)
    if len(memory.messages) == before:
        return  # refused before it began: the question is still in the prompt
    for message in exchange("during"):
        trial.news.append(News("kept", memory.session_id, message.content or ""))
    await memory.save_memory()


async def _check_told(trial: Trial, memory: MemoryManager, *, done: bool) -> None:
    """Nothing is told twice; the last save reads; and what is not told of is on the disk."""
    if len(set(trial.told)) < len(trial.told):
        trial.raw.append(f"told twice: {trial.told}")
    try:
        saved = (await SessionLibrary(trial.root).load(memory.session_id)).messages
    except SessionNotFound:
        saved = ()
    wanted = [item.text for item in trial.news if item.kind == "kept"]
    if [message.content for message in saved][: len(wanted)] != wanted:
        trial.raw.append("the last save is not what it was")
    if not trial.told and not (done and saved == memory.messages):
        trial.raw.append("not saved, and not told")
