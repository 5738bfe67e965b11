"""Processes that are there to die, and what they tell until then."""

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

from tests.reliability.acts import News
from tests.reliability.nursery import BORN, STATUS

_ROOT = Path(__file__).parents[2]


class _Nursery:
    """The forking process, and the ends of its children as far as they have been told."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.nursery"],
            stdin=theirs.fileno(),
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        theirs.close()
        self._ends: dict[int, int] = {}
        atexit.register(self.close)

    def bear(self, request: bytes, descriptor: int) -> int:
        """Start a child and return its process number."""
        socket.send_fds(self._control, [request], [descriptor])
        while True:
            process, status = self._answer()
            if status == BORN:
                return process
            self._ends[process] = status

    def end_of(self, process: int) -> int:
        """Wait for the end of a child and return its exit code, negative for a signal."""
        while process not in self._ends:
            other, status = self._answer()
            self._ends[other] = status
        # Taken out: process numbers come again.
        status = self._ends.pop(process)
        return status - 0x10000 if status > 0x7FFF else status

    def _answer(self) -> tuple[int, int]:
        process, status = STATUS.unpack(self._control.recv(STATUS.size, socket.MSG_WAITALL))
        return process, status

    def close(self) -> None:
        self._control.close()
        self._process.wait()


@functools.cache
def _nursery() -> _Nursery:
    return _Nursery()


class Child:
    """One run of ``work(*arguments, tell)`` in a process of its own; a context manager that leaves none behind."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self._words, theirs = multiprocessing.Pipe(duplex=False)
        self.pid = _nursery().bear(pickle.dumps((os.environ["HOME"], work, arguments)), theirs.fileno())
        self._has_ended = False
        theirs.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._has_ended:
            self.kill()
            self.wait()
        self._words.close()

    def news(self) -> Iterator[News]:
        """Yield what the child tells, to its end."""
        with contextlib.suppress(EOFError):
            while True:
                yield self._words.recv()

    def kill(self, number: int = signal.SIGKILL) -> None:
        # The nursery has taken the end of a dead child: its number may be another's by now.
        if not self._has_ended:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the end and return the exit code, negative for a signal."""
        code = _nursery().end_of(self.pid)
        self._has_ended = True
        return code
