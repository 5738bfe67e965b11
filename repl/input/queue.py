"""Lines entered while a turn runs, which wait for its end or steer it."""

from __future__ import annotations

from typing import NamedTuple

from repl.input.pastes import Entry


class QueuedLine(NamedTuple):
    """A line that waits; one that ``steers`` goes to the model at its next step."""

    entry: Entry
    steers: bool = False


class MessageQueue:
    """The lines that wait, in the order in which they were entered."""

    def __init__(self) -> None:
        self.lines: tuple[QueuedLine, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines)

    def add(self, entry: Entry, *, steers: bool = False) -> None:
        """Add a line at the end; a command never steers."""
        self.lines += (QueuedLine(entry, steers and is_message(entry)),)

    def steer(self) -> bool:
        """Let all messages that wait steer; return False if none was waiting."""
        waiting = any(not line.steers and is_message(line.entry) for line in self.lines)
        self.lines = tuple(QueuedLine(line.entry, line.steers or is_message(line.entry)) for line in self.lines)
        return waiting

    def take_last(self) -> Entry | None:
        """Remove the line that was added last, and return it."""
        if not self.lines:
            return None
        *rest, taken = self.lines
        self.lines = tuple(rest)
        return taken.entry

    def take_next(self) -> Entry | None:
        """Remove the next line to run, and return it."""
        if not self.lines:
            return None
        taken, *rest = self.lines
        self.lines = tuple(rest)
        return taken.entry

    def take_steering(self) -> list[Entry]:
        """Remove the messages that steer, and return them."""
        steering = [line.entry for line in self.lines if line.steers]
        self.lines = tuple(line for line in self.lines if not line.steers)
        return steering

    def put_back(self, steering: list[Entry]) -> None:
        """Add messages that steer at the front."""
        self.lines = (*(QueuedLine(entry, steers=True) for entry in steering), *self.lines)

    def take_all(self) -> list[Entry]:
        """Remove all lines, and return them."""
        entries = [line.entry for line in self.lines]
        self.lines = ()
        return entries


def is_message(entry: Entry) -> bool:
    """Return True if ``entry`` is sent to the model, and not a command."""
    from commands.parse import Chat, parse_line  # here: the prompt is drawn without the commands

    return isinstance(parse_line(entry.text), Chat)


def joined(entries: list[Entry]) -> Entry:
    """Return one entry with the lines of all ``entries``, and with their pastes."""
    pastes = {marker: text for entry in entries for marker, text in entry.pastes.items()}
    return Entry("\n".join(entry.typed for entry in entries if entry.typed), pastes)
