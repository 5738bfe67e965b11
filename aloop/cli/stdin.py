"""Text that comes with a task on standard input.

The trouble is a pipe that nobody will ever write to: an editor, a CI runner or ``subprocess`` leaves one open to each
program it starts, and a program that reads it hangs. From inside it looks just like the pipe of ``make | aloop``
before ``make`` has said anything. So:

- only pipes and regular files are read: a terminal, a socket and ``/dev/null`` bring no text;
- a pipe has PATIENCE seconds for its first byte. The person is told after NOTICE_AFTER seconds what is waited for and,
  when nothing came, that the task goes on without it;
- after the first byte somebody is there, and the pipe is read to its end however long that takes, which is told too;
- ``--task -`` has nothing to go on without: it reads whatever standard input is, to its end.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable

from aloop.errors import UsageError

PATIENCE = 5.0
NOTICE_AFTER = 1.0
LIMIT = 1024 * 1024
"""Bytes; what is longer fits no model's window."""

_CHUNK = 65536

Tell = Callable[[str], None]


def read_piped(fd: int, tell: Tell, *, patience: float = PATIENCE, notice_after: float = NOTICE_AFTER) -> str:
    """Return the text piped to ``fd``, empty when there is none; ``tell`` gets sentences for the person who waits.

    Raises UsageError when the text is longer than LIMIT.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return _read_to_end(fd)
    if not stat.S_ISFIFO(mode):
        return ""
    if not _readable(fd, min(notice_after, patience)):
        tell("Waiting for piped text; to do without it, add < /dev/null.")
        if not _readable(fd, max(0.0, patience - notice_after)):
            tell(f"Nothing was piped in for {patience:g} seconds: going on without it. A slow pipe wants --task -")
            return ""
    return _read_to_end(fd, tell, notice_after)


def read_task(fd: int) -> str:
    """Return all that standard input holds, as the task of ``--task -``.

    Raises UsageError when that is nothing, or longer than LIMIT.
    """
    text = _read_to_end(fd).strip()
    if not text:
        raise UsageError("--task - found no text on standard input.")
    return text


def with_piped(task: str, piped: str) -> str:
    """Return ``task`` with the piped text below it."""
    return f"{task}\n\n{piped.rstrip()}" if piped.strip() else task


def _readable(fd: int, seconds: float) -> bool:
    """Whether ``fd`` has bytes, or its end, to read within ``seconds``."""
    return bool(select.select([fd], [], [], seconds)[0])


def _read_to_end(fd: int, tell: Tell | None = None, notice_after: float = NOTICE_AFTER) -> str:
    """Read ``fd`` to its end as UTF-8, what is not UTF-8 replaced; ``tell`` hears once of a pause."""
    received = bytearray()
    while True:
        if tell and not _readable(fd, notice_after):
            tell("Waiting for the piped text to end; Ctrl-C leaves.")
            tell = None
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            return received.decode("utf-8-sig", "replace")
        received += chunk
        if len(received) > LIMIT:
            raise UsageError(
                f"The piped text is longer than {LIMIT // 1024} KiB. "
                "Send a part of it, or name the file in the task, so that it can be searched."
            )
