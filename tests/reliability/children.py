"""Child processes that report events until they are killed."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from tests.fork_server import ForkServer
from tests.reliability.scenario import Event

_LOADED = ("kills", "power", "full_disk", "processes", "deaths")


@functools.cache
def _fork_server() -> ForkServer:
    return ForkServer(*(f"tests.reliability.{name}" for name in _LOADED))


def _run(descriptor: int, home: str, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    code = 1
    try:
        # The fork server keeps the home of the first test, and journals are proved by a key in it.
        os.environ["HOME"] = home
        work(*arguments, Connection(descriptor, readable=False).send)
        code = 0
    except BaseException:  # noqa: BLE001 - no caller in this child could report it
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


class Child:
    """``work(*arguments, on_event)`` in a child process, killed on exit."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self._events, theirs = multiprocessing.Pipe(duplex=False)
        self.pid = _fork_server().start([theirs.fileno()], _run, os.environ["HOME"], work, arguments)
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
