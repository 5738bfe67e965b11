"""Lines entered while a turn runs, which wait for its end or steer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from aloop.sanitize import safe_line
from aloop.width import fit, unjoined
from repl.input.buffer import LineBuffer
from repl.input.pastes import Entry


class QueuedLine(NamedTuple):
    """A line that waits; one that ``steers`` goes to the model at its next step.

    One that ``is_held`` is only sent when the user asks for it: the turn before it was stopped or failed.
    """

    entry: Entry
    steers: bool = False
    is_held: bool = False


class MessageQueue:
    """The lines that wait, in the order in which they will be sent."""

    def __init__(self) -> None:
        self.lines: tuple[QueuedLine, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines)

    def add(self, entry: Entry, *, steers: bool = False, place: int | None = None) -> None:
        """Add a line at ``place``, or at the end; a command never steers."""
        self.insert(QueuedLine(entry, steers and is_message(entry)), len(self.lines) if place is None else place)

    def insert(self, line: QueuedLine, place: int) -> None:
        """Add ``line`` before the one at ``place``."""
        self.lines = (*self.lines[:place], line, *self.lines[place:])

    def take(self, place: int) -> QueuedLine:
        """Remove the line at ``place``, and return it."""
        taken = self.lines[place]
        self.lines = (*self.lines[:place], *self.lines[place + 1 :])
        return taken

    def steer(self) -> None:
        """Let all messages that wait steer, and hold no line."""
        self.lines = tuple(QueuedLine(line.entry, line.steers or is_message(line.entry)) for line in self.lines)

    def hold(self) -> None:
        """Keep all lines until ``release``."""
        self.lines = tuple(QueuedLine(line.entry, is_held=True) for line in self.lines)

    def release(self) -> None:
        """Let the lines that were kept be sent."""
        self.lines = tuple(line._replace(is_held=False) for line in self.lines)

    def take_next(self) -> Entry | None:
        """Remove the next line to run, and return it."""
        place = next((place for place, line in enumerate(self.lines) if not line.is_held), None)
        return None if place is None else self.take(place).entry

    def take_steering(self) -> list[Entry]:
        """Remove the messages that steer, and return them."""
        steering = [line.entry for line in self.lines if line.steers]
        self.lines = tuple(line for line in self.lines if not line.steers)
        return steering

    def put_back(self, steering: list[Entry]) -> None:
        """Add messages that steer at the front."""
        self.lines = (*(QueuedLine(entry, steers=True) for entry in steering), *self.lines)


def is_message(entry: Entry) -> bool:
    """Return True if ``entry`` is sent to the model, and not a command."""
    from commands.parse import Chat, parse_line  # here: the prompt is drawn without the commands

    return isinstance(parse_line(entry.text), Chat)


def line_rows(lines: Sequence[QueuedLine], width: int, height: int) -> list[str]:
    """Return the rows of ``lines``, the last ones if there are many."""
    most = max(1, height // 4)
    shown = lines if len(lines) <= most else lines[len(lines) - most + 1 :]
    rows = [f"  … and {len(lines) - len(shown)} more"] if len(shown) < len(lines) else []
    for line in shown:
        label = "not sent" if line.is_held else "next step" if line.steers else "queued"
        rows.append(fit(f"  {label}: {unjoined(safe_line(line.entry.typed))}", width - 1))
    return rows


class WaitingLines(Protocol):
    """The lines that wait, for a user who takes them back to edit or remove them."""

    @property
    def queued(self) -> Sequence[QueuedLine]:
        """The lines that wait."""
        ...

    def recall(self, place: int) -> QueuedLine:
        """Remove the line that waits at ``place``, and return it."""
        ...

    def requeue(self, line: QueuedLine, place: int) -> None:
        """Let ``line``, which is unchanged, wait at ``place`` again."""
        ...


class QueueWalk:
    """Takes lines that wait back into the buffer, one after the other.

    A line that was taken back and not changed waits again as soon as the walk leaves it.
    """

    def __init__(self, waiting: WaitingLines, buffer: LineBuffer) -> None:
        self._waiting = waiting
        self._buffer = buffer
        self._recalled: tuple[int, QueuedLine] | None = None  # the line in the buffer, and its place

    def up(self) -> bool:
        """Take back the line before this one, or on an empty line the last one.

        Returns False if there is none.
        """
        if not self._buffer.text and self._waiting.queued:
            self._recall(len(self._waiting.queued) - 1)
            return True
        if (place := self._requeue(least=1)) is None:
            return False
        self._recall(place - 1)
        return True

    def down(self) -> bool:
        """Take back the line after this one, or empty the buffer after the last one.

        Returns False if the buffer has no line that was taken back, or a changed one.
        """
        if (place := self._requeue()) is None:
            return False
        if place + 1 < len(self._waiting.queued):
            self._recall(place + 1)
        else:
            self._recalled = None
            self._buffer.reset()
        return True

    def leave(self) -> int | None:
        """Return the place of the line in the buffer, and keep it there no longer."""
        place = self._recalled[0] if self._recalled else None
        self._recalled = None
        return place

    def _recall(self, place: int) -> None:
        line = self._waiting.recall(place)
        self._buffer.put(line.entry)
        self._recalled = place, line

    def _requeue(self, least: int = 0) -> int | None:
        """Let an unchanged line wait again, if its place is at ``least`` that."""
        if self._recalled is None:
            return None
        place, line = self._recalled
        place = min(place, len(self._waiting.queued))
        if place < least or self._buffer.entry != line.entry:
            return None
        self._waiting.requeue(line, place)
        return place
