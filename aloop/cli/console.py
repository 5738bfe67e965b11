"""How commands that are no conversation speak: answers to standard output, remarks and questions to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aloop.sanitize import visible


def print_line(line: str) -> None:
    """Print a line of what was asked for, or a line of JSON."""
    print(visible(line))


def print_marked(line: str, marks: Iterable[tuple[int, int]]) -> None:
    """Print a line with what stands at ``marks`` in bold, for a terminal."""
    pieces, end = [], 0
    for start, stop in marks:
        pieces += [visible(line[end:start]), f"\x1b[1m{visible(line[start:stop])}\x1b[0m" if line[start:stop] else ""]
        end = stop
    print("".join([*pieces, visible(line[end:])]))


def print_note(sentence: str) -> None:
    """Say something about it, out of the way of a program that reads the output."""
    print(visible(sentence), file=sys.stderr)


def confirm(question: str, doing: str, done: str) -> bool:
    """Ask before something is done that ``--yes`` has done unasked; without a clear yes, say that nothing was ``done``.

    ``doing`` is what --yes is added for, as in "to delete".
    """
    if not sys.stdin.isatty():
        print_note(f"Nothing was {done}: there is no terminal to ask on. Add --yes {doing} without a question.")
        return False
    if not _agree(question):
        print_note(f"Nothing was {done}.")
        return False
    return True


def _agree(question: str) -> bool:
    """Ask, and take nothing but a clear yes for one."""
    sys.stderr.write(visible(f"{question} [y/N] "))
    sys.stderr.flush()
    with line_ended():
        return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def line_ended() -> Iterator[None]:
    """End the line of a question that Ctrl-C is the answer to: what comes next begins on one of its own."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise
