"""Programs and shells killed in the middle of a turn with many steps."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import tempfile
import threading
from pathlib import Path

from aloop.memory import MemoryManager, SessionLibrary
from tests.e2e.shell import Shell
from tests.reliability.children import Child
from tests.reliability.filesystems import installed
from tests.reliability.next_start import read_all, start_again
from tests.reliability.row import Row, Verdict, verdict_row
from tests.reliability.scenario import Event, OnEvent, take_turn
from tests.stub import Gate, StubServer, Text, ToolUse

_STEPS = 20
_ENDS = ("KILL", "TERM", "HUP", "closed terminal")
_JITTER = 0.002
"""Maximum delay between the awaited message and the signal, in seconds."""


def killed_programs(*, full: bool) -> Row:
    """Kill a program without signal handlers shortly after an acknowledged message."""
    chance = random.Random(8)
    ends = itertools.cycle((signal.SIGKILL, signal.SIGTERM, signal.SIGHUP))
    cases = [
        (next(ends), chance.randrange(1, 2 * _STEPS + 2), chance.uniform(0, _JITTER)) for _ in range(100 if full else 8)
    ]
    verdicts = [_die_after(*case) for case in cases]
    return verdict_row("KILL, TERM, HUP in a turn of 20 steps of a program", verdicts)


def killed_shells(*, full: bool) -> Row:
    """End a shell while it waits for a reply; the quick form uses an early step."""
    chance = random.Random(9)
    rounds, steps = (25, _STEPS) if full else (1, 5)
    cases = [(end, chance.randrange(steps + 1)) for end in _ENDS * rounds]
    verdicts = [_die_in_shell(*case) for case in cases]
    return verdict_row("KILL, TERM, HUP, closed terminal in a turn of 20 steps of a shell", verdicts)


def _die_after(number: int, messages: int, delay: float) -> Verdict:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / ".aloop" / "sessions"
        with Child(_take_long_turn, root) as child:
            incoming = child.events()
            events = list(itertools.islice(incoming, messages))
            killer = threading.Timer(delay, child.kill, [number])
            killer.start()
            events += incoming
            killer.join()
            child.wait()
        return asyncio.run(start_again(root, events))


def _take_long_turn(root: Path, on_event: OnEvent) -> None:
    async def turns() -> None:
        memory = MemoryManager(sessions_dir=root, hold=True)
        await take_turn(memory, "long", on_event, steps=_STEPS)
        await asyncio.Event().wait()

    asyncio.run(turns())


def _die_in_shell(end: str, finished: int) -> Verdict:
    """End a shell after ``finished`` steps of its turn, while it waits for another."""
    gate = Gate()
    with tempfile.TemporaryDirectory() as folder, StubServer() as stub:
        root = Path(folder) / ".aloop" / "sessions"
        stub.script(*(ToolUse("calculator", {"expression": f"{number}+1000"}) for number in range(finished)))
        stub.script(Text("half an answer ", gate, "that never ends"))
        with Shell("--sessions-dir", str(root), env=stub.env) as shell:
            shell.wait_for_prompt()
            shell.send_line("Count!")
            # Keep reading, because writes to an unread terminal block.
            shell.wait_until(gate.is_reached, "the answer to be under way")
            _end(shell, end)
        return asyncio.run(_look(root, finished))


def _end(shell: Shell, end: str) -> None:
    if end == "closed terminal":
        shell.hang_up()
    else:
        shell.process.kill(signal.Signals[f"SIG{end}"])
        shell.wait_for_exit()


async def _look(root: Path, finished: int) -> Verdict:
    await SessionLibrary(root).recover()
    sessions, unreadable = await read_all(root)
    if len(sessions) != 1:
        return Verdict(unreadable=unreadable, lost=1 + 2 * finished)
    [session] = sessions.values()
    wanted = ["Count!", *(str(1000 + number) for number in range(finished))]
    found = [message.content for message in session.messages if message.role != "assistant"]
    calls = sum(len(message.tool_calls) for message in session.messages)
    verdict = Verdict(lost=sum(text not in found for text in wanted) + finished - calls)
    return verdict + await start_again(root, [Event("kept", session.id, "Count!")])
