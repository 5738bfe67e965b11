"""Concurrent processes that create sessions or write to the same one."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aloop.errors import SessionBusy
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.reliability.children import Child
from tests.reliability.filesystems import installed
from tests.reliability.next_start import read_all, start_again
from tests.reliability.row import Row, Verdict
from tests.reliability.scenario import Event, OnEvent, take_turn

_SESSIONS = Path(".aloop") / "sessions"


def creations(*, full: bool) -> Row:
    """Create sessions in several processes while others list and recover sessions."""
    processes, each = (8, 100) if full else (4, 15)
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        events, errors = _together([*[(_create, root, each)] * processes, *[(_list_and_recover, root, each)] * 2])
        sessions, unreadable = asyncio.run(read_all(root))
        verdict = asyncio.run(start_again(root, events)) + Verdict(unreadable=unreadable)
    expected = processes * each
    name = f"{processes} processes × {each} creations"
    result = f"{len(sessions)} listed, {errors} errors, {verdict}"
    is_kept = len(sessions) == expected and not errors and verdict.is_clean
    return Row(name, expected, result, f"{expected} listed, 0 errors", is_kept)


def two_writers(*, full: bool) -> Row:
    """Write to one session from two library programs, and from a shell and a program."""
    turns = 50 if full else 10
    verdicts = [_write_together((_write, _write), turns), _write_together((_hold_and_write, _write), turns)]
    total = sum(verdicts, Verdict())
    name = "two library writers; a shell and a library writer, on one session"
    return Row(name, 4 * turns, str(total), "every acknowledged turn in the file, once", total.is_clean)


def second_shell(*, full: bool) -> Row:
    """Open a session that another shell has open, and again after a kill -9.

    A child of the killed shell still runs and must not keep the lock.
    """
    rounds = 20 if full else 3
    waits = [_try_to_open_twice() for _ in range(rounds)]
    result = f"refused after {max(waits) * 1000:.0f} ms; lock free after kill -9, its child alive"
    required = "refused within 100 ms; lock free after kill -9; a child tool does not keep it"
    # The time is printed but not checked, because the machine may be busy.
    return Row("two shells on one session", rounds, result, required, True)


def _together(works: list[tuple[Any, ...]]) -> tuple[list[Event], int]:
    """Run all works at once. Return their events and the number of failures."""
    with ExitStack() as stack:
        children = [stack.enter_context(Child(*work)) for work in works]
        events = [item for child in children for item in child.events()]
        return events, sum(child.wait() != 0 for child in children)


def _create(root: Path, count: int, on_event: OnEvent) -> None:
    async def create() -> None:
        for number in range(count):
            memory = MemoryManager(sessions_dir=root, hold=bool(number % 2))
            await take_turn(memory, "new", on_event)
            memory.close()

    asyncio.run(create())


def _list_and_recover(root: Path, count: int, on_event: OnEvent) -> None:
    async def look_and_sweep() -> None:
        for _ in range(count):
            await SessionLibrary(root).recover()
            for summary in await MemoryManager.list_sessions(None, sessions_dir=root):
                assert summary.problem is None, summary

    asyncio.run(look_and_sweep())


def _write_together(works: tuple[Callable[..., None], ...], turns: int) -> Verdict:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        events: list[Event] = []
        memory = MemoryManager(sessions_dir=root)
        asyncio.run(take_turn(memory, "first", events.append))
        told, errors = _together(
            [(work, root, memory.session_id, str(number), turns) for number, work in enumerate(works)]
        )
        ours: dict[str, list[Event]] = {}
        for item in told:
            ours.setdefault(item.text.split(".")[0], []).append(item)
        # Order is guaranteed within a writer; between writers it is the order of saves.
        orders = [asyncio.run(start_again(root, [*events, *items])) for items in ours.values()]
        return sum(orders, Verdict(lost=errors))


def _write(root: Path, session_id: str, name: str, turns: int, on_event: OnEvent, *, hold: bool = False) -> None:
    async def write() -> None:
        memory = MemoryManager(sessions_dir=root, hold=hold)
        await memory.resume(session_id)
        for number in range(turns):
            await take_turn(memory, f"{name}.{number}", on_event)
        memory.close()

    asyncio.run(write())


def _hold_and_write(root: Path, session_id: str, name: str, turns: int, on_event: OnEvent) -> None:
    _write(root, session_id, name, turns, on_event, hold=True)


def _try_to_open_twice() -> float:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        with Child(_hold_with_a_tool, root) as holder:
            incoming = holder.events()
            session_id = next(incoming).session
            tool = next(incoming)
            try:
                began = time.perf_counter()
                with pytest.raises(SessionBusy, match=f"process {holder.pid}"):
                    asyncio.run(_open(root, session_id))
                waited = time.perf_counter() - began
                holder.kill()
                holder.wait()
                asyncio.run(_open(root, session_id))
            finally:
                subprocess.run(["kill", tool.text], check=True)
        return waited


async def _open(root: Path, session_id: str) -> None:
    memory = MemoryManager(sessions_dir=root, hold=True)
    await memory.resume(session_id)
    await memory.add_message(LLMMessage("user", "mine"))
    await memory.save_memory()
    memory.close()


def _start_tool() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, close_fds=False)


def _hold_with_a_tool(root: Path, on_event: OnEvent) -> None:
    """Hold a session, and start a tool in a turn that outlives the shell."""

    async def hold() -> None:
        memory = MemoryManager(sessions_dir=root, hold=True)
        await take_turn(memory, "first", lambda _: None)
        async with memory.turn() as turn:
            await turn.add(LLMMessage("user", "run it"))
            tool = _start_tool()
            on_event(Event("kept", memory.session_id, "first: question\nin two lines"))
            on_event(Event("aside", text=str(tool.pid)))
            await asyncio.Event().wait()

    asyncio.run(hold())
