"""The parent's side of the sifter: a second process that looks through many files while their reader does the same.

Nobody ever waits for it: a machine that has no time for it, or a process that is gone, leaves more to do to the reader,
and that is all.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from aloop.memory.sieve import Sieve
from aloop.memory.sifter import EMPTY, TAKEN, UNSEEN

MANY = 1_000
"""Files for which a second process is worth its start."""

_PROGRAM = Path(__file__).with_name("sifter.py")


class Sifting:
    """What the two who look through the files know of each: a byte, as the sifter describes it."""

    def __init__(self, states: mmap.mmap | bytearray) -> None:
        self._states = states

    def leaves(self, place: int) -> bool:
        """Take the file at ``place`` to read it; False where there is nothing in it, as has been found by now."""
        state = self._states[place]
        if state == UNSEEN:
            self._states[place] = TAKEN
        return state != EMPTY


@contextlib.contextmanager
def sifting(sieve: Sieve, paths: Sequence[str]) -> Iterator[Sifting]:
    """Start a second process for many files where there is a processor for it; it ends with the block."""
    with contextlib.ExitStack() as stack:
        states: mmap.mmap | bytearray = bytearray(len(paths))
        if len(paths) >= MANY and (os.cpu_count() or 1) > 1:
            with contextlib.suppress(OSError):  # then we read them all
                states = _start(sieve, paths, stack)
        yield Sifting(states)


def _start(sieve: Sieve, paths: Sequence[str], stack: contextlib.ExitStack) -> mmap.mmap:
    """Start a process that is told what to look for, and return the states that it shares; raises OSError."""
    request = {"pieces": sieve.pieces, "ascii": sieve.is_ascii, "files": paths, "parent": os.getpid()}
    # A file, not a pipe: a pipe would be full before the process has begun to read.
    with _file(json.dumps(request).encode()) as told, _file(bytes(len(paths))) as shared:
        states = stack.enter_context(mmap.mmap(shared.fileno(), len(paths)))
        process = subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
            [sys.executable, "-I", "-S", "-X", "utf8", "-W", "ignore", str(_PROGRAM)],
            stdin=told,
            stdout=shared,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for the shell, which then ends this
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return states


def _file(data: bytes) -> BinaryIO:
    """Return a file without a name; in memory where that can be, for no disk is full there."""
    if sys.platform == "linux":
        file: BinaryIO = os.fdopen(os.memfd_create("sifting"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whom it is returned to
    file.write(data)
    file.seek(0)
    return file
