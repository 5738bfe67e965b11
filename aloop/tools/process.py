"""Commands that run in a process group of their own, are listened to while they run, and are ended whole."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 5_000_000
"""Kept of the beginning of what a command prints, and as much of its end."""

_CHUNK = 1 << 16
_AT_ONCE = 0.03  # seconds that a person who cancels waits, for the command that ends when it is told to
_GRACE = 2.0  # seconds in which a command may put its things in order once it is told to end
_LAST_WORDS = 1.0  # seconds for what is still in the pipe, should somebody who left the group hold it open


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended; ``code`` is negative for a signal, ``is_late`` tells that its time was over."""

    output: str
    code: int
    timed_out: bool


def ending(code: int) -> str:
    """Return in words how a command ended with ``code``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"ended by {name}"


class _Output:
    """Collects bytes, the middle of very many left out, and tells the text of each piece as it comes."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def mute(self) -> None:
        """Tell nothing any more: nobody listens."""
        self._tell = lambda _text: None

    def add(self, data: bytes) -> None:
        if text := self._decoder.decode(data):
            self._tell(text)
        room = MOST_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * MOST_BYTES:
            self._drop()

    def text(self) -> str:
        self._drop()
        dropped = f"\n[… {self._dropped:,} bytes were not kept …]\n".encode() if self._dropped else b""
        return bytes(self._head + dropped + self._tail).decode(errors="replace")

    def _drop(self) -> None:
        surplus = max(0, len(self._tail) - MOST_BYTES)
        self._dropped += surplus
        del self._tail[:surplus]


async def run_command(
    command: Sequence[str], folder: Path, env: Mapping[str, str], seconds: float | None, tell: Callable[[str], None]
) -> CommandResult:
    """Run ``command`` with nothing to read, until it ends or ``seconds`` (None: never) are over; raises OSError.

    When it is over, or this is cancelled, everything that it has started ends with it. Who cancels does not wait for
    that: what does not end when it is told to is killed after a moment, or with the event loop.
    """
    output = _Output(tell)
    running = asyncio.ensure_future(_run(command, folder, env, seconds, output))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        output.mute()
        running.cancel()
        _LEFT.add(running)
        running.add_done_callback(_ended)
        await asyncio.wait([running], timeout=_AT_ONCE)
        raise


_LEFT: set[asyncio.Future[CommandResult]] = (
    set()
)  # what nobody waits for any more: held here, the loop holds it only weakly


def _ended(running: asyncio.Future[CommandResult]) -> None:
    _LEFT.discard(running)
    if not running.cancelled():
        running.exception()  # whoever wanted to know has gone


async def _run(
    command: Sequence[str], folder: Path, env: Mapping[str, str], seconds: float | None, output: _Output
) -> CommandResult:
    async with _pipe() as (reader, write_end):
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,  # no terminal to ask at, and one group to end
            )
        finally:
            os.close(write_end)
        listening = asyncio.ensure_future(_listen(reader, output))
        is_late = False
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            is_late = True
        finally:
            await _end(process)
            await asyncio.wait([listening], timeout=_LAST_WORDS)
            listening.cancel()
    return CommandResult(output.text(), process.returncode or 0, is_late)


async def _listen(reader: asyncio.StreamReader, output: _Output) -> None:
    while data := await reader.read(_CHUNK):
        output.add(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group: politely first when its leader still runs, and then for certain."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE)
    finally:
        _signal(process, signal.SIGKILL)
        # Also where this is cancelled, by the end of the event loop say: it takes a moment, and leaves nothing open.
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says the second of zombies
        os.killpg(process.pid, number)


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """Give a pipe of our own: with one of asyncio's, waiting for a process is waiting for all who hold its pipe."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        yield reader, write_end
    finally:
        transport.close()
