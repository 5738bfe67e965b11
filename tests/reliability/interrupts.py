"""Ten interrupts in a row, during any system call of a turn and at a real shell."""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from aloop.memory import MemoryManager
from aloop.memory.disk.locks import OpenLock
from tests.e2e.shell import Shell
from tests.reliability.filesystems import Call, installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict, verdict_row
from tests.reliability.scenario import Event, take_turn
from tests.stub import Gate, StubServer, Text, ToolUse

_TIMES = 10


def interrupted_turns(*, full: bool) -> Row:
    """Cancel a turn ten times from a random system call on, and take another turn."""
    chance = random.Random(7)
    moments = [chance.randrange(1, 60) for _ in range(200 if full else 10)]
    verdicts = [asyncio.run(_interrupt_turn(moment, random.Random(moment))) for moment in moments]
    return verdict_row("Ctrl-C ten times in a row in a turn", verdicts)


def interrupted_resumes(*, full: bool) -> Row:
    """Cancel a resume ten times: it completes or changes nothing, and leaks no lock."""
    verdicts = [asyncio.run(_interrupt_resume(moment)) for moment in range(1, 16, 1 if full else 3)]
    return verdict_row("Ctrl-C ten times in a row in a resume", verdicts)


def interrupted_shells(*, full: bool) -> Row:
    """Type ten Ctrl-C at a shell: after a question, in an answer, after a tool call."""
    moments = ("sent", "answer", "results") * (8 if full else 1)
    verdicts = _interrupt_shell(moments)
    return verdict_row("Ctrl-C ten times in a row at a shell", verdicts)


class _Canceller:
    """Cancels a task ten times, during system call ``first`` and the next few."""

    def __init__(self, first: int, chance: random.Random) -> None:
        self.task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._calls = sorted(first + chance.choice((0, 0, 1, 2, 3)) for _ in range(_TIMES))
        self._count = 0

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.task = asyncio.create_task(work)
        return self.task

    def __call__(self, call: Call) -> Any:
        if self.task is not None:
            self._count += 1
            for _ in range(self._calls.count(self._count)):
                self._cancel(self.task)
        return call.make()

    def _cancel(self, task: asyncio.Task[None]) -> None:
        if threading.get_ident() == self._thread:
            task.cancel()  # the call is made on the event loop thread
            return
        landed = threading.Event()

        def cancel() -> None:
            task.cancel()
            # Runs after the task has received the cancellation.
            self._loop.call_soon(landed.set)

        self._loop.call_soon_threadsafe(cancel)
        landed.wait()


async def _interrupt_turn(moment: int, chance: random.Random) -> Verdict:
    events: list[Event] = []
    during: list[Event] = []
    canceller = _Canceller(moment, chance)
    with tempfile.TemporaryDirectory() as folder, installed(canceller):
        root = Path(folder) / ".aloop" / "sessions"
        memory = MemoryManager(sessions_dir=root, hold=True)
        await take_turn(memory, "before", events.append)
        task = canceller.start(take_turn(memory, "during", during.append, steps=4))
        await asyncio.wait([task])
        assert task.cancelled() or not task.exception(), task.exception()
        canceller.task = None
        if len(during) > 1:
            # A question without any reply is returned to the user and not saved.
            events += during
        await take_turn(memory, "after", events.append)
        broken = Verdict(unsendable=len(memory.get_repairs()))
        memory.close()
        return broken + await start_again(root, events)


async def _interrupt_resume(moment: int) -> Verdict:
    events: list[Event] = []
    canceller = _Canceller(moment, random.Random(moment))
    held = len(OpenLock._held)
    with tempfile.TemporaryDirectory() as folder, installed(canceller):
        root = Path(folder) / ".aloop" / "sessions"
        other = MemoryManager(sessions_dir=root, hold=True)
        await take_turn(other, "there", events.append)
        other.close()
        memory = MemoryManager(sessions_dir=root, hold=True)

        async def resume_other() -> None:
            await memory.resume(other.session_id)

        await asyncio.wait([canceller.start(resume_other())])
        canceller.task = None
        await take_turn(memory, "after", events.append)
        memory.close()
        return Verdict(leftovers=len(OpenLock._held) - held) + await start_again(root, events)


def _interrupt_shell(moments: Sequence[str]) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, StubServer() as stub:
        root = Path(folder) / ".aloop" / "sessions"
        with Shell("--sessions-dir", str(root), env=stub.env) as shell:
            shell.wait_for_prompt()
            for number, moment in enumerate(moments):
                gate = Gate()
                if moment == "answer":
                    stub.script(Text(f"half of answer {number} ", gate, "and more"))
                elif moment == "results":
                    stub.script(ToolUse("calculator", {"expression": f"1000+{number}"}), Text(gate, "never"))
                shell.send_line(f"Question {number}")
                if moment != "sent":
                    shell.wait_until(gate.is_reached, "the answer to be under way")
                shell.send("\x03" * _TIMES)
                _ask_again(shell, f"And now {number}?")
            shell.send("\x04")
            assert shell.wait_for_exit() == 0
        return [asyncio.run(_look(root, number)) for number in range(len(moments))]


def _ask_again(shell: Shell, question: str) -> None:
    """Clear the prompt, which may hold the interrupted question, and send another."""
    answer = f"You said: {question}"
    shell.send(f"\x15{question}\r")
    shell.wait_until(
        lambda: answer in shell.scrollback() or f"not sent: {question}" in shell.screen(),
        "the question to be sent or to be held above the prompt",
    )
    if answer not in shell.scrollback():
        # Enter came before the end of the stopped turn, whose own text is on the prompt. An empty line sends the rest.
        shell.send("\x15\r")
    shell.wait_for(answer)
    shell.wait_for_prompt()


async def _look(root: Path, number: int) -> Verdict:
    session_id = await MemoryManager.find_latest_session(sessions_dir=root)
    question = f"And now {number}?"
    return await start_again(
        root, [Event("kept", session_id or "", text) for text in (question, f"You said: {question}")]
    )
