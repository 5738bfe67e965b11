"""A program that runs a command in a sandbox, as the runner of commands needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program and its arguments.

    ``words`` come before the command, ``env`` is added to its environment. ``call_filter`` is a program for the
    option ``--seccomp``, empty for none. ``blanks`` are folders that exist while the command runs, and are removed if
    they are empty then. ``replaces_itself`` is False if the program remains the parent of the command.
    """

    words: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    call_filter: bytes = b""
    blanks: tuple[Path, ...] = ()
    replaces_itself: bool = False

    @contextmanager
    def opened(self) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
        """Yield the words before a command, and the descriptors that they refer to."""
        if not self.call_filter or sys.platform != "linux":
            yield self.words, ()
            return
        descriptor = os.memfd_create("filter")
        try:
            os.write(descriptor, self.call_filter)
            os.lseek(descriptor, 0, os.SEEK_SET)
            yield (*self.words, "--seccomp", str(descriptor)), (descriptor,)
        finally:
            os.close(descriptor)


NO_WRAPPER = Wrapper((), replaces_itself=True)
"""Runs a command as it is."""
