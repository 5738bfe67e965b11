"""Text piped to a task on standard input.

Editors, CI runners and ``subprocess`` may leave open a pipe that no process will write to, and a program that reads it
hangs. It looks the same as the pipe of ``make | aloop`` before ``make`` prints anything. Therefore:

- only pipes, sockets and regular files are read, not terminals or ``/dev/null``;
- a pipe, or a socket as Node.js and many CI runners use instead, has PATIENCE seconds to send its first byte, otherwise
  the task runs without it; a notice is printed after NOTICE_AFTER seconds and another when the wait ends;
- after the first byte, the pipe is read to its end without a limit, and a pause is announced once;
- ``--task -`` reads standard input to its end, whatever it is.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable

from aloop.errors import UsageError

PATIENCE = 5.0
NOTICE_AFTER = 1.0
LIMIT = 1024 * 1024
"""The most bytes that are read; longer text fits no model's context window."""

_CHUNK = 65536

Notify = Callable[[str], None]


def read_piped(fd: int, notify: Notify, *, patience: float = PATIENCE, notice_after: float = NOTICE_AFTER) -> str:
    """Return the text piped to ``fd``, empty if there is none.

    ``notify`` gets sentences to show while the user waits. Raises UsageError if the text is longer than LIMIT, or
    binary.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return _read_to_end(fd)
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return ""
    if not _readable(fd, min(notice_after, patience)):
        notify("Waiting for piped text. To run without it, add < /dev/null.")
        if not _readable(fd, max(0.0, patience - notice_after)):
            notify(f"The pipe sent nothing for {patience:g} seconds; running without it. Use --task - to wait for it.")
            return ""
    return _read_to_end(fd, notify, notice_after)


def read_task(fd: int) -> str:
    """Return the text on standard input, the task of ``--task -``.

    Raises UsageError if it is empty, binary or longer than LIMIT.
    """
    text = _read_to_end(fd).strip()
    if not text:
        raise UsageError("--task - reads the task from standard input, which is empty.")
    return text


def with_piped(task: str, piped: str) -> str:
    """Return ``task`` followed by the piped text."""
    return f"{task}\n\n{piped.rstrip()}" if piped.strip() else task


def _readable(fd: int, seconds: float) -> bool:
    """Return True if ``fd`` has bytes, or its end, to read within ``seconds``."""
    return bool(select.select([fd], [], [], seconds)[0])


def _read_to_end(fd: int, notify: Notify | None = None, notice_after: float = NOTICE_AFTER) -> str:
    """Read ``fd`` as UTF-8 to its end, replacing invalid bytes.

    ``notify`` gets one notice of a pause.
    """
    received = bytearray()
    while True:
        if notify and not _readable(fd, notice_after):
            notify("Waiting for the piped text to end. Press Ctrl-C to stop.")
            notify = None
        try:
            chunk = os.read(fd, _CHUNK)
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.ECONNRESET):
                raise
            chunk = b""  # the socket has no other end
        if not chunk:
            return received.decode("utf-8-sig", "replace")
        if b"\0" in chunk:
            # git takes a file for binary by the same sign.
            raise UsageError(
                "The piped data is binary: it contains NUL bytes. Pipe text, or name the file in the task."
            )
        received += chunk
        if len(received) > LIMIT:
            raise UsageError(
                f"The piped text is longer than {LIMIT // 1024} KiB. "
                "Send only a part of it, or name the file in the task so that it can be searched."
            )
