"""Full disks: a file size limit, and a file system of a few kilobytes."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aloop.errors import StorageError
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.reliability.children import Child
from tests.reliability.filesystems import installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict, verdict_row
from tests.reliability.scenario import Event, OnEvent

_ROOM = 64 * 1024
_TEXT = "all work and no play " * 500
_TURNS = 30


def file_size_limit(*, full: bool) -> Row:
    """Set a file size limit so that the kernel cuts writes short, then lift it."""
    limits = range(4_000, _ROOM, 1_500 if full else 20_000)
    return verdict_row("a full disk: RLIMIT_FSIZE", map(_within_limit, limits))


def small_file_system(*, full: bool) -> Row:
    """Fill a small file system completely, then make room."""
    name = "a full disk: tmpfs"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with _mounted(Path(folder), 2 * _ROOM):
                verdict = asyncio.run(_fill_and_free(Path(folder)))
        except (OSError, subprocess.CalledProcessError) as error:
            return Row(name, 0, f"skipped: {error}", "0 of everything", True)
    return verdict_row(name, [verdict])


def _within_limit(limit: int) -> Verdict:
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / ".aloop" / "sessions"
        with Child(_run_with_limit, root, limit) as child:
            events = list(child.events())
            refusals = [item for item in events if item.kind == "aside"]
            assert child.wait() == 0
        return asyncio.run(start_again(root, events)) + Verdict(lost=0 if refusals else 1)


def _run_with_limit(root: Path, limit: int, on_event: OnEvent) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    asyncio.run(
        _take_turns_on_full_disk(root, on_event, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)))
    )


async def _take_turns_on_full_disk(root: Path, on_event: OnEvent, make_room: Callable[[], None]) -> None:
    """Take turns until two saves fail, make room, and take the remaining turns."""
    memory = MemoryManager(sessions_dir=root, hold=True)
    refused, is_saved = 0, False
    for number in range(_TURNS):
        try:
            async with memory.turn() as turn:
                await turn.add(LLMMessage("user", f"{number}: {_TEXT}"))
                await turn.add(LLMMessage("assistant", f"{number}: so {_TEXT}"))
        except StorageError as error:
            if "the disk is full" not in str(error):
                raise
            refused += 1
            on_event(Event("aside", text=str(error)))
            if is_saved:
                # The last saved version must still load.
                await SessionLibrary(root).load(memory.session_id)
        else:
            is_saved = True
        if refused == 2:
            make_room()
            refused = -_TURNS
    assert memory.message_count == 2 * _TURNS
    for message in memory.messages:
        on_event(Event("kept", memory.session_id, message.content or ""))
    memory.close()


async def _fill_and_free(folder: Path) -> Verdict:
    root = folder / ".aloop" / "sessions"
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(_ROOM // 2))
    events: list[Event] = []

    def make_room() -> None:
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True, capture_output=True)

    await _take_turns_on_full_disk(root, events.append, make_room)
    return await start_again(root, events) + Verdict(lost=0 if any(item.kind == "aside" for item in events) else 1)


@contextlib.contextmanager
def _mounted(folder: Path, size: int) -> Iterator[None]:
    """Mount a file system of ``size`` bytes; raises CalledProcessError if not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
