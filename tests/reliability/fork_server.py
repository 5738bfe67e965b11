"""A fork server with all modules loaded, so that short-lived children are cheap.

Its standard input is a socket. A request is a home folder and a pickled function with its arguments, sent with the
descriptor on which the child reports. A reply is a process ID with STARTED or an exit status.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import socket
import struct
import sys
from multiprocessing.connection import Connection
from types import FrameType

_LOADED = ("kills", "power", "full_disk", "processes", "deaths")
_MAX_REQUEST = 65_536
STATUS = struct.Struct("!ii")
STARTED = -1
"""Sent instead of an exit status when a process has started."""


def serve(control: socket.socket) -> None:
    """Fork for each request until the other side closes the socket."""

    def reap(_number: int, _frame: FrameType | None) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            control.sendall(STATUS.pack(process, os.waitstatus_to_exitcode(status) & 0xFFFF))

    signal.signal(signal.SIGCHLD, reap)
    while True:
        try:
            request, descriptors, _, _ = socket.recv_fds(control, _MAX_REQUEST, 1)
        except ConnectionResetError:  # the other side exited with unread replies
            return
        if not request:
            return
        # The start must be reported before the exit.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        process = os.fork()
        if not process:
            for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # nohup, for example, leaves them ignored
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            control.close()
            _run_child(request, Connection(descriptors[0], readable=False))
        os.close(descriptors[0])
        control.sendall(STATUS.pack(process, STARTED))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _run_child(request: bytes, connection: Connection) -> None:
    code = 1
    try:
        # The forking process keeps the home of the first test, and journals are proved by a key in it.
        os.environ["HOME"], work, arguments = pickle.loads(request)
        work(*arguments, connection.send)
        code = 0
    except BaseException:  # noqa: BLE001 - no caller in this child could report it
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    for name in _LOADED:
        importlib.import_module(f"tests.reliability.{name}")
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as requests:
        serve(requests)
