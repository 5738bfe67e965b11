"""A fork server with modules loaded, so that short-lived children are cheap.

The standard input of the server is a socket. A request is a pickled function with its arguments, sent with descriptors
that the function gets, too. A reply is a process ID with STARTED or an exit status.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

_ROOT = Path(__file__).parents[1]
_MAX_REQUEST = 65_536
_MAX_DESCRIPTORS = 3
_PATIENCE = 120.0  # seconds
_STATUS = struct.Struct("!ii")
_STARTED = -1
"""Sent instead of an exit status when a process has started."""


class ForkServer:
    """A running fork server, and the exit statuses it has reported."""

    def __init__(self, *modules: str) -> None:
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", *modules],
            stdin=theirs.fileno(),
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        theirs.close()
        self._ends: dict[int, int] = {}
        atexit.register(self.close)

    def start(self, descriptors: Sequence[int], work: Callable[..., None], *arguments: Any) -> int:
        """Start ``work(*descriptors, *arguments)`` in a child; return its process ID.

        It has the environment and the working directory of the server.
        """
        socket.send_fds(self._control, [pickle.dumps((work, arguments))], descriptors)
        while True:
            process, status = self._answer()
            if status == _STARTED:
                return process
            self._ends[process] = status

    def has_exited(self, process: int) -> bool:
        """Return True if a child has exited and ``exit_code_of`` returns at once."""
        self._control.setblocking(False)
        try:
            while process not in self._ends:
                try:
                    self._control.recv(_STATUS.size, socket.MSG_PEEK)
                except BlockingIOError:
                    return False
                self._control.setblocking(True)
                other, status = self._answer()
                self._ends[other] = status
                self._control.setblocking(False)
        finally:
            self._control.setblocking(True)
        return True

    def exit_code_of(self, process: int) -> int:
        """Wait for a child to exit and return its exit code, negative for a signal.

        Raises TimeoutError after two minutes without an exit.
        """
        while process not in self._ends:
            other, status = self._answer()
            self._ends[other] = status
        # Removed, because process IDs are reused.
        status = self._ends.pop(process)
        return status - 0x10000 if status > 0x7FFF else status

    def _answer(self) -> tuple[int, int]:
        if not select.select([self._control], [], [], _PATIENCE)[0]:
            raise TimeoutError("no child of the fork server starts or exits")
        process, status = _STATUS.unpack(self._control.recv(_STATUS.size, socket.MSG_WAITALL))
        return process, status

    def close(self) -> None:
        self._control.close()
        self._process.wait()


def _serve(control: socket.socket) -> Callable[[], None] | None:
    """Fork for each request until the other side closes the socket.

    Returns the work in the child, and None in the server.
    """

    def reap(_number: int, _frame: FrameType | None) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            control.sendall(_STATUS.pack(process, os.waitstatus_to_exitcode(status) & 0xFFFF))

    signal.signal(signal.SIGCHLD, reap)
    while True:
        try:
            request, descriptors, _, _ = socket.recv_fds(control, _MAX_REQUEST, _MAX_DESCRIPTORS)
        except ConnectionResetError:  # the other side exited with unread replies
            return None
        if not request:
            return None
        # The start must be reported before the exit.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        process = os.fork()
        if not process:
            for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # nohup, for example, leaves them ignored
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            control.close()
            work, arguments = pickle.loads(request)
            return lambda: work(*descriptors, *arguments)
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(_STATUS.pack(process, _STARTED))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


class _Exit:
    """The exit of a child, which does not free its modules.

    To free what it shares with the server, it would have to copy it. Threads, exit handlers, garbage and unhandled
    exceptions are treated as in any process.
    """

    def __init__(self) -> None:
        self._code: int | None = None
        # The handlers run in reverse order, so this must be the first.
        atexit.register(self._leave)

    def after(self, work: Callable[[], None]) -> None:
        """Run ``work``, and exit with its code when the interpreter does."""
        try:
            work()
        except SystemExit as end:
            if not isinstance(end.code, int):
                raise  # the interpreter prints it
            self._code = end.code
        else:
            self._code = 0

    def _leave(self) -> None:
        if self._code is not None:
            gc.collect()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._code & 0xFF)


def _main() -> None:
    end = _Exit()
    for name in sys.argv[1:]:
        importlib.import_module(name)
    # The children share what is loaded, and no collection of theirs scans it.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as requests:
        work = _serve(requests)
    if work:
        end.after(work)


if __name__ == "__main__":
    _main()
