"""A process that has everything loaded and does nothing but fork: so a thousand children that die young are cheap.

Spoken to over a socket, which is its standard input. A request is a home and a function with its arguments, and comes
with the descriptor that the child is to speak on. The answers tell the process numbers, and the status of each end.
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
BORN = -1
"""In place of a status: the process has begun."""


def serve(control: socket.socket) -> None:
    """Fork for each request until the other side closes."""

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
        except ConnectionResetError:  # the other side ended without hearing us out
            return
        if not request:
            return
        # Its birth is told before its death can be.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        process = os.fork()
        if not process:
            for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # nohup, for one, leaves them ignored
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            control.close()
            _live(request, Connection(descriptors[0], readable=False))
        os.close(descriptors[0])
        control.sendall(STATUS.pack(process, BORN))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _live(request: bytes, connection: Connection) -> None:
    code = 1
    try:
        # The forking process keeps the home of the first test, and journals are proved by a key in it.
        os.environ["HOME"], work, arguments = pickle.loads(request)
        work(*arguments, connection.send)
        code = 0
    except BaseException:  # noqa: BLE001 - nobody above this child could tell of it
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    for name in _LOADED:
        importlib.import_module(f"tests.reliability.{name}")
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as requests:
        serve(requests)
