"""Commands in their own process group, which ends with the command."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aloop.text import HeadAndTail

MOST_CHARACTERS = 5_000_000
"""Kept from the start of a command's output, and as many from its end."""

_CHUNK = 1 << 16
_CANCEL_WAIT = 0.03  # seconds that a cancelled caller waits for a command that ends promptly
_GRACE = 2.0  # seconds between SIGTERM and SIGKILL
_DRAIN = 1.0  # seconds to read what is left in the pipe if a process outside the group holds it open


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command; ``code`` is negative for a signal."""

    output: str
    code: int
    timed_out: bool


def describe_exit(code: int) -> str:
    """Return ``code`` in words: ``exit code 1`` or ``ended by SIGKILL``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"ended by {name}"


class _Output:
    """Decodes a command's output, collects it, and passes each piece on."""

    def __init__(self, on_output: Callable[[str], None]) -> None:
        self._on_output = on_output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept = HeadAndTail(MOST_CHARACTERS)

    def mute(self) -> None:
        """Stop passing pieces on."""
        self._on_output = lambda _text: None

    def add(self, data: bytes) -> None:
        if text := self._decoder.decode(data):
            self._on_output(text)
            self._kept.add(text)

    def finish(self) -> str:
        self._kept.add(self._decoder.decode(b"", final=True))
        return self._kept.text


async def run_command(
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    seconds: float | None,
    on_output: Callable[[str], None],
) -> CommandResult:
    """Run ``command`` for at most ``seconds`` (None: no limit); raise OSError.

    Standard input is empty. When it ends, times out or is cancelled, every process in its group is ended too. A
    cancelled caller does not wait for that: processes that ignore SIGTERM are killed a moment later, or when the event
    loop ends.
    """
    output = _Output(on_output)
    running = asyncio.ensure_future(_run(command, folder, env, seconds, output))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        output.mute()
        running.cancel()
        _ABANDONED.add(running)
        running.add_done_callback(_forget)
        await asyncio.wait([running], timeout=_CANCEL_WAIT)
        raise


# Commands that are still ending after their caller was cancelled. The event loop holds only weak references to them.
_ABANDONED: set[asyncio.Future[CommandResult]] = set()


def _forget(running: asyncio.Future[CommandResult]) -> None:
    _ABANDONED.discard(running)
    if not running.cancelled():
        running.exception()  # marks it as retrieved: no caller is left to handle it


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
                start_new_session=True,  # no terminal to prompt on, and one group to end
            )
        finally:
            os.close(write_end)
        listening = asyncio.ensure_future(_listen(reader, output))
        timed_out = False
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            timed_out = True
        finally:
            await _end(process)
            await asyncio.wait([listening], timeout=_DRAIN)
            listening.cancel()
    return CommandResult(output.finish(), process.returncode or 0, timed_out)


async def _listen(reader: asyncio.StreamReader, output: _Output) -> None:
    while data := await reader.read(_CHUNK):
        output.add(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group: SIGTERM first if its leader still runs, then SIGKILL."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE)
    finally:
        _signal(process, signal.SIGKILL)
        # Also when this is cancelled, for example by the end of the event loop: it is quick and leaves nothing open.
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # The group may be gone; macOS raises PermissionError for zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """Yield a reader and the file descriptor to write to.

    With asyncio's own pipes, waiting for a process means waiting for every process that holds the pipe.
    """
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        yield reader, write_end
    finally:
        transport.close()
