"""Commands that end with everything they started."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aloop.sandbox.wrapper import NO_WRAPPER, Wrapper
from aloop.text import HeadAndTail

MOST_CHARACTERS = 5_000_000
"""Kept from the start of a command's output, and as many from its end."""

NO_TERMINAL: Mapping[str, str] = {
    "TERM": "dumb",
    **dict.fromkeys(("PAGER", "MANPAGER", "GIT_PAGER", "GH_PAGER", "SYSTEMD_PAGER", "BAT_PAGER", "DELTA_PAGER"), "cat"),
    "AWS_PAGER": "",
    # An editor that ends at once accepts the text that it was given.
    **dict.fromkeys(("EDITOR", "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "HGEDITOR", "SVN_EDITOR"), "true"),
    **dict.fromkeys(("GIT_ASKPASS", "SSH_ASKPASS", "SUDO_ASKPASS"), "false"),
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GH_PROMPT_DISABLED": "1",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INPUT": "1",
    "COMPOSER_NO_INTERACTION": "1",
    "TF_INPUT": "0",
}
"""Environment variables with which no pager, editor or password prompt waits for the user."""

_SHELL_SIGNAL = 128
_ENDING_SIGNALS = frozenset(
    {
        *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS),
        *(signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM),
        *(signal.SIGXCPU, signal.SIGXFSZ, signal.SIGSYS),
    }
)
_SUPERVISOR = Path(__file__).with_name("command_supervisor.py")
_PR_SET_DUMPABLE = 4
_CHUNK = 1 << 16
_CANCEL_WAIT = 0.03  # seconds that a cancelled caller waits for a command that ends promptly
_GRACE = 2.0  # seconds between SIGTERM and SIGKILL
_MARGIN = 1.0  # seconds more for the supervisor than for the command
_DRAIN = 1.0  # seconds to read what is left in the pipe if a process outside the group holds it open


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command; ``code`` is negative for a signal."""

    output: str
    code: int
    timed_out: bool


def describe_exit(code: int) -> str:
    """Return ``code`` in words: ``exit code 1`` or ``ended by SIGKILL``.

    Shells and sandboxes return 128 and the number of the signal by which their child was ended.
    """
    if code >= 0:
        known = code - _SHELL_SIGNAL in _ENDING_SIGNALS
        return f"exit code {code}{f' ({signal.Signals(code - _SHELL_SIGNAL).name})' if known else ''}"
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
    wrapper: Wrapper = NO_WRAPPER,
) -> CommandResult:
    """Run ``command`` for at most ``seconds`` (None: no limit); raise OSError.

    Standard input is empty. When it ends, times out or is cancelled, every process that it started is ended too. A
    cancelled caller does not wait for that: processes that ignore SIGTERM are killed a moment later, or when the event
    loop ends.
    """
    output = _Output(on_output)
    running = asyncio.ensure_future(_run(command, folder, {**env, **wrapper.env}, seconds, output, wrapper))
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
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    seconds: float | None,
    output: _Output,
    wrapper: Wrapper,
) -> CommandResult:
    _hide_environment()
    blanks = [str(path) for path in wrapper.blanks]
    async with _pipe() as (reader, write_end):
        ours, theirs = socket.socketpair()
        try:
            with wrapper.opened() as (words, descriptors):
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-I", "-S", "-X", "utf8", "-W", "ignore", str(_SUPERVISOR)),
                    *(str(theirs.fileno()), str(_GRACE), env.get("LC_CTYPE", "")),
                    *("" if wrapper.replaces_itself else "1", str(len(blanks)), *blanks),
                    *(*words, *command),
                    cwd=folder,
                    env=env,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=write_end,
                    stderr=write_end,
                    pass_fds=(theirs.fileno(), *descriptors),
                    start_new_session=True,  # Ctrl-C in the terminal reaches the shell only
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(write_end)
        listening = asyncio.ensure_future(_listen(reader, output))
        timed_out = False
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            timed_out = True
        finally:
            await _end(process, ours)
            await asyncio.wait([listening], timeout=_DRAIN)
            listening.cancel()
    return CommandResult(output.finish(), process.returncode or 0, timed_out)


@cache
def _hide_environment() -> None:
    """Prevent other processes of this user from reading the environment of this one.

    Commands could otherwise find the keys in /proc. Only root can read the environment of a process that is not
    dumpable.
    """
    if sys.platform == "linux":
        # Imported late for startup time.
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _listen(reader: asyncio.StreamReader, output: _Output) -> None:
    while data := await reader.read(_CHUNK):
        output.add(data)


async def _end(process: asyncio.subprocess.Process, line: socket.socket) -> None:
    """End the command and everything it started.

    SIGTERM first if it still runs, then SIGKILL. Raises OSError if it could not be started.
    """
    try:
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE + _MARGIN)
    finally:
        # Also when this is cancelled, for example by the end of the event loop: it is quick and leaves nothing open.
        leader, error = _reported(line)  # closing the line makes the supervisor kill the rest at once
        try:
            await asyncio.wait_for(process.wait(), _GRACE + _MARGIN)
        except TimeoutError:
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode == -signal.SIGKILL and leader:
            _signal_group(leader, signal.SIGKILL)  # the command may have killed its supervisor
    if error:
        raise OSError(error, os.strerror(error))


def _reported(line: socket.socket) -> tuple[int, int]:
    """Return the process ID of the command and the error of starting it, or zeros."""
    with line:
        line.setblocking(False)
        try:
            numbers = [int(word) for word in line.recv(64).split()]
        except OSError:
            numbers = []
    leader, error, *_ = [*numbers, 0, 0]
    return leader, error


def _signal(process: int, number: signal.Signals) -> None:
    # Not Process.send_signal: it may collect the exit status, which asyncio then reports as missing.
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


def _signal_group(leader: int, number: signal.Signals) -> None:
    # The group may be gone; macOS raises PermissionError for zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


async def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process that is the leader of its group, and wait for it."""
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


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
