"""The parent's side of the sifter: a second process that looks through a long list of files, the last of them first.

Whoever starts it goes through the list from its beginning meanwhile, until the two meet. Nobody ever waits for it: a
machine that has no time for it, or a process that is gone, leaves more to do, and that is all.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from aloop.memory.sieve import Sieve

MANY = 1_000
"""Files for which a second process is worth its start."""

_PROGRAM = Path(__file__).with_name("sifter.py")
_MOST_READ = 1 << 20


class Sifting:
    """How far the second process has come, and what it has let through."""

    def __init__(self, count: int, answers: int | None) -> None:
        """Listen to ``answers``, a descriptor that does not block, about ``count`` files; None for no process."""
        self._answers = answers
        self._first = count
        self._passed: list[int] = []
        self._unread = b""

    def reached(self) -> int:
        """Return the place from which on, as far as is known by now, every file has been looked at."""
        if self._answers is not None:
            with contextlib.suppress(BlockingIOError):
                *lines, self._unread = (self._unread + os.read(self._answers, _MOST_READ)).split(b"\n")
                for line in lines:
                    self._first, *passed = map(int, line.split())
                    self._passed += passed
        return self._first

    def passed(self, first: int) -> list[int]:
        """Return the places, from ``first`` on, of the files that were let through."""
        return sorted(place for place in self._passed if place >= first)


@contextlib.contextmanager
def sifting(sieve: Sieve, paths: Sequence[str]) -> Iterator[Sifting]:
    """Start a second process for many files where there is a processor for it; it ends with the block."""
    process = _start(sieve, paths) if len(paths) >= MANY and (os.cpu_count() or 1) > 1 else None
    if process is None:
        yield Sifting(len(paths), None)
        return
    assert process.stdout  # noqa: S101 - for the type checker: it was asked for as a pipe
    try:
        yield Sifting(len(paths), process.stdout.fileno())
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _start(sieve: Sieve, paths: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """Return a process that has been told what to look for; None where none can be had."""
    try:
        # A file, not a pipe: a pipe would be full before the process has begun to read.
        with tempfile.TemporaryFile() as request:
            request.write(json.dumps({"pieces": sieve.pieces, "ascii": sieve.is_ascii, "files": paths}).encode())
            request.seek(0)
            process = subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
                [sys.executable, "-I", "-S", "-X", "utf8", "-W", "ignore", str(_PROGRAM)],
                stdin=request,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for the shell, which then ends this
            )
    except OSError:
        return None
    assert process.stdout  # noqa: S101 - as above
    os.set_blocking(process.stdout.fileno(), False)
    return process
