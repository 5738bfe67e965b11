"""Operations on a failing disk, and the checks right after them."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aloop.errors import AloopError, SessionNotFound
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.conversation import marked
from tests.reliability.filesystems import Call
from tests.reliability.scenario import IMAGE, Event, cut_turn, exchange, show_image, take_turn

# It returns False on errors instead of raising.
_NEVER_REFUSED = frozenset({"exists"})


@dataclass(slots=True)
class Refusal:
    """Fails call ``number`` (0 for none), or all from it on, while armed."""

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
                call.make()  # a descriptor is closed even if close() fails
            raise OSError(self.error, os.strerror(self.error), str(call.arguments[0]))
        return call.make()


@dataclass(slots=True)
class Trial:
    """A shell on a failing disk, with its notices and errors."""

    root: Path
    refusal: Refusal
    notices: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def shell(self) -> MemoryManager:
        memory = MemoryManager(sessions_dir=self.root, hold=True)
        memory.on_notice = self.notices.append
        return memory

    async def attempt(self, act: Awaitable[object]) -> bool:
        """Await ``act`` like a shell. Storage errors are notices; others are bugs."""
        try:
            await act
        except AloopError as error:
            self.notices.append(str(error))
        except Exception as error:  # noqa: BLE001 - any other exception is a finding
            self.unexpected.append(repr(error))
        else:
            return True
        return False


async def turn_in_an_open_session(trial: Trial) -> None:
    """A failed turn between two good ones stays in memory for the next save."""
    memory = trial.shell()
    await take_turn(memory, "before", trial.events.append)
    await _faulty_turn(trial, memory)
    await take_turn(memory, "after", trial.events.append)
    memory.close()


async def first_turn(trial: Trial) -> None:
    memory = trial.shell()
    await _faulty_turn(trial, memory)
    await take_turn(memory, "after", trial.events.append)
    memory.close()


async def withdrawn_turn(trial: Trial) -> None:
    memory = trial.shell()
    await take_turn(memory, "before", trial.events.append)
    trial.refusal.armed = True
    await trial.attempt(cut_turn(memory, "regretted", lambda _: None, after=1))
    trial.refusal.armed = False
    await take_turn(memory, "after", trial.events.append)
    memory.close()


async def resume(trial: Trial) -> None:
    """A resume on the failing disk works, or changes nothing and works later."""
    first = trial.shell()
    await take_turn(first, "before", trial.events.append)
    first.close()
    memory = trial.shell()
    trial.refusal.armed = True
    done = await trial.attempt(memory.resume(first.session_id))
    trial.refusal.armed = False
    if not done:
        assert memory.session_id != first.session_id
        await memory.resume(first.session_id)
    await take_turn(memory, "after", trial.events.append)
    memory.close()


async def deletion(trial: Trial) -> None:
    memory = trial.shell()
    await take_turn(memory, "before", trial.events.append)
    memory.close()
    trial.refusal.armed = True
    await trial.attempt(SessionLibrary(trial.root).delete(memory.session_id))
    trial.refusal.armed = False
    if await MemoryManager.find_session_by_prefix(memory.session_id, sessions_dir=trial.root) is None:
        trial.events.append(Event("gone", memory.session_id))


async def recovery(trial: Trial) -> None:
    """The turn of a dead writer is recovered on the failing disk or at the next start."""
    memory = trial.shell()
    await take_turn(memory, "before", trial.events.append)
    turn = memory.turn()
    await turn.__aenter__()
    for message in list(exchange("crashed"))[:3]:
        await turn.add(message)
        trial.events.append(Event("kept", memory.session_id, message.content or ""))
    memory.close()  # releases the journal as the death of the process does
    trial.refusal.armed = True
    await trial.attempt(SessionLibrary(trial.root).recover())
    trial.refusal.armed = False


async def undo(trial: Trial) -> None:
    await _change(trial, MemoryManager.undo)


async def redo(trial: Trial) -> None:
    async def prepare(memory: MemoryManager) -> None:
        await memory.undo()

    await _change(trial, MemoryManager.redo, prepare)


async def skip(trial: Trial) -> None:
    """A change of stored messages, as /skip, /compact and /note make it."""

    async def change(memory: MemoryManager) -> None:
        await memory.edit(lambda messages: marked(messages, 0, 3, skip=True))

    await _change(trial, change)


async def rename(trial: Trial) -> None:
    await _change(trial, lambda memory: memory.rename("Counting"))


async def fork(trial: Trial) -> None:
    """The fork of a session with an image, and its first turn."""

    async def change(memory: MemoryManager) -> None:
        await memory.fork()
        await take_turn(memory, "forked", lambda _: None)

    await _change(trial, change, is_fork=True)


async def restore(trial: Trial) -> None:
    memory = trial.shell()
    await take_turn(memory, "before", trial.events.append)
    memory.close()
    library = SessionLibrary(trial.root)
    await library.delete(memory.session_id)
    trial.refusal.armed = True
    await trial.attempt(library.restore(memory.session_id))
    trial.refusal.armed = False
    if await MemoryManager.find_session_by_prefix(memory.session_id, sessions_dir=trial.root) is None:
        await library.restore(memory.session_id)


async def _change(
    trial: Trial,
    change: Callable[[MemoryManager], Awaitable[object]],
    prepare: Callable[[MemoryManager], Awaitable[object]] | None = None,
    *,
    is_fork: bool = False,
) -> None:
    """Change a session with two turns and an image on the failing disk, then use it."""
    memory = trial.shell()
    await take_turn(memory, "one", trial.events.append)
    await show_image(memory, "two", trial.events.append)
    if prepare:
        await prepare(memory)
    first = memory.session_id
    trial.refusal.armed = True
    done = await trial.attempt(change(memory))
    trial.refusal.armed = False
    if not (done or trial.notices):
        trial.unexpected.append("neither done nor reported")
    if "two: seen" not in [message.content for message in memory.messages]:
        await memory.redo()
    if is_fork and done:
        trial.events += [Event("kept", memory.session_id, message.content or "") for message in exchange("forked")]
    await take_turn(memory, "after", trial.events.append)
    stored = await SessionLibrary(trial.root).load(memory.session_id)
    if stored.messages != memory.messages:
        trial.unexpected.append("the file differs from the shell")
    for message in stored.messages:
        if message.parts and [media.data for media in await memory.load_media(message)] != [IMAGE.data]:
            trial.unexpected.append("the image is lost")
    memory.close()
    if (
        first != memory.session_id
        and (await SessionLibrary(trial.root).load(first)).messages[-1].content != "two: seen"
    ):
        trial.unexpected.append("the source of the fork has changed")


Stage = Callable[[Trial], Awaitable[None]]

STAGES: tuple[Stage, ...] = (
    turn_in_an_open_session,
    first_turn,
    withdrawn_turn,
    resume,
    deletion,
    recovery,
    undo,
    redo,
    skip,
    rename,
    fork,
    restore,
)


async def _faulty_turn(trial: Trial, memory: MemoryManager) -> None:
    trial.refusal.armed = True
    before = len(memory.messages)
    done = await trial.attempt(take_turn(memory, "during", lambda _: None))
    trial.refusal.armed = False
    await _check_notices(trial, memory, done=done)
    if len(memory.messages) == before:
        return  # failed before it began, so the question is still in the prompt
    for message in exchange("during"):
        trial.events.append(Event("kept", memory.session_id, message.content or ""))
    await memory.save_memory()


async def _check_notices(trial: Trial, memory: MemoryManager, *, done: bool) -> None:
    """Check that notices are unique, the last save loads and no loss is silent."""
    if len(set(trial.notices)) < len(trial.notices):
        trial.unexpected.append(f"reported twice: {trial.notices}")
    try:
        saved = (await SessionLibrary(trial.root).load(memory.session_id)).messages
    except SessionNotFound:
        saved = ()
    wanted = [item.text for item in trial.events if item.kind == "kept"]
    if [message.content for message in saved][: len(wanted)] != wanted:
        trial.unexpected.append("the last save has changed")
    if not trial.notices and not (done and saved == memory.messages):
        trial.unexpected.append("not saved and not reported")
