"""Several processes at once: creations, and writers of one session."""

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
from tests.reliability.acts import News, Tell, take_turn
from tests.reliability.children import Child
from tests.reliability.filesystems import installed
from tests.reliability.next_start import read_all, start_again
from tests.reliability.row import Row, Verdict

_SESSIONS = Path(".aloop") / "sessions"


def creations(*, full: bool) -> Row:
    """Processes that create sessions side by side, while others list them and clean up after the dead."""
    processes, each = (8, 100) if full else (4, 15)
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        news, errors = _together([*[(_create, root, each)] * processes, *[(_bustle, root, each)] * 2])
        sessions, unreadable = asyncio.run(read_all(root))
        verdict = asyncio.run(start_again(root, news)) + Verdict(unreadable=unreadable)
    expected = processes * each
    what = f"{processes} processes × {each} creations"
    result = f"{len(sessions)} listed, {errors} errors, {verdict}"
    is_kept = len(sessions) == expected and not errors and verdict.is_clean
    return Row(what, expected, result, f"{expected} listed, 0 errors", is_kept)


def two_writers(*, full: bool) -> Row:
    """Two library writers on one session, then a shell and a library writer: every acknowledged turn in the file."""
    turns = 50 if full else 10
    verdicts = [_write_together((_write, _write), turns), _write_together((_hold_and_write, _write), turns)]
    total = sum(verdicts, Verdict())
    what = "two library writers; a shell and a library writer, on one session"
    return Row(what, 4 * turns, str(total), "every acknowledged turn in the file, once", total.is_clean)


def second_shell(*, full: bool) -> Row:
    """A shell on a session that another has open, one after its kill -9, and one while a child of it lives on."""
    rounds = 20 if full else 3
    waits = [_try_to_open_twice() for _ in range(rounds)]
    result = f"told after {max(waits) * 1000:.0f} ms; lock free after kill -9, its child alive"
    must_be = "told within 100 ms; lock free after kill -9; a child tool does not keep it"
    # The time is printed and not judged: a machine may be busy.
    return Row("two shells on one session", rounds, result, must_be, True)


def _together(works: list[tuple[Any, ...]]) -> tuple[list[News], int]:
    """Run all at once; return what they told, and how many of them ended badly."""
    with ExitStack() as stack:
        children = [stack.enter_context(Child(*work)) for work in works]
        news = [item for child in children for item in child.news()]
        return news, sum(child.wait() != 0 for child in children)


def _create(root: Path, count: int, tell: Tell) -> None:
    async def create() -> None:
        for number in range(count):
            memory = MemoryManager(sessions_dir=root, hold=bool(number % 2))
            await take_turn(memory, "new", tell)
            memory.close()

    asyncio.run(create())


def _bustle(root: Path, count: int, tell: Tell) -> None:
    async def look_and_sweep() -> None:
        for _ in range(count):
            await SessionLibrary(root).recover()
            for summary in await MemoryManager.list_sessions(None, sessions_dir=root):
                assert summary.problem is None, summary

    asyncio.run(look_and_sweep())


def _write_together(works: tuple[Callable[..., None], ...], turns: int) -> Verdict:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        news: list[News] = []
        memory = MemoryManager(sessions_dir=root)
        asyncio.run(take_turn(memory, "first", news.append))
        told, errors = _together(
            [(work, root, memory.session_id, str(number), turns) for number, work in enumerate(works)]
        )
        ours: dict[str, list[News]] = {}
        for item in told:
            ours.setdefault(item.text.split(".")[0], []).append(item)
        # The order is promised within a writer; between two it is that of their saves.
        orders = [asyncio.run(start_again(root, [*news, *items])) for items in ours.values()]
        return sum(orders, Verdict(lost=errors))


def _write(root: Path, session_id: str, name: str, turns: int, tell: Tell, *, hold: bool = False) -> None:
    async def write() -> None:
        memory = MemoryManager(sessions_dir=root, hold=hold)
        await memory.resume(session_id)
        for number in range(turns):
            await take_turn(memory, f"{name}.{number}", tell)
        memory.close()

    asyncio.run(write())


def _hold_and_write(root: Path, session_id: str, name: str, turns: int, tell: Tell) -> None:
    _write(root, session_id, name, turns, tell, hold=True)


def _try_to_open_twice() -> float:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / _SESSIONS
        with Child(_hold_with_a_tool, root) as holder:
            words = holder.news()
            session_id = next(words).session
            tool = next(words)
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


def _hold_with_a_tool(root: Path, tell: Tell) -> None:
    """Hold a session, and in a turn of it start a tool that outlives the shell."""

    async def hold() -> None:
        memory = MemoryManager(sessions_dir=root, hold=True)
        await take_turn(memory, "first", lambda _: None)
        async with memory.turn() as turn:
            await turn.add(LLMMessage("user", "run it"))
            tool = _start_tool()
            tell(News("kept", memory.session_id, "first: question\nin two lines"))
            tell(News("aside", text=str(tool.pid)))
            await asyncio.Event().wait()

    asyncio.run(hold())
