"""Child processes that report events until they are killed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.reliability.fork_server import STARTED, STATUS
from tests.reliability.scenario import Event

_ROOT = Path(__file__).parents[2]


class _ForkServer:
    """The fork server, and the exit statuses it has reported."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.fork_server"],
            stdin=theirs.fileno(),
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        theirs.close()
        self._ends: dict[int, int] = {}
        atexit.register(self.close)

    def start(self, request: bytes, descriptor: int) -> int:
        """Start a child and return its process ID."""
        socket.send_fds(self._control, [request], [descriptor])
        while True:
            process, status = self._answer()
            if status == STARTED:
                return process
            self._ends[process] = status

    def exit_code_of(self, process: int) -> int:
        """Wait for a child to exit and return its exit code, negative for a signal."""
        while process not in self._ends:
            other, status = self._answer()
            self._ends[other] = status
        # Removed, because process IDs are reused.
        status = self._ends.pop(process)
        return status - 0x10000 if status > 0x7FFF else status

    def _answer(self) -> tuple[int, int]:
        process, status = STATUS.unpack(self._control.recv(STATUS.size, socket.MSG_WAITALL))
        return process, status

    def close(self) -> None:
        self._control.close()
        self._process.wait()


@functools.cache
def _fork_server() -> _ForkServer:
    return _ForkServer()


class Child:
    """``work(*arguments, on_event)`` in a child process, killed on exit."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self._events, theirs = multiprocessing.Pipe(duplex=False)
        self.pid = _fork_server().start(pickle.dumps((os.environ["HOME"], work, arguments)), theirs.fileno())
        self._has_ended = False
        theirs.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._has_ended:
            self.kill()
            self.wait()
        self._events.close()

    def events(self) -> Iterator[Event]:
        """Yield the events of the child until it exits."""
        with contextlib.suppress(EOFError):
            while True:
                yield self._events.recv()

    def kill(self, number: int = signal.SIGKILL) -> None:
        # The fork server has reaped an exited child, so its process ID may be reused.
        if not self._has_ended:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the exit and return the exit code, negative for a signal."""
        code = _fork_server().exit_code_of(self.pid)
        self._has_ended = True
        return code
