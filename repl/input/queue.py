"""Lines entered while a turn runs, which wait for its end or steer it."""

from __future__ import annotations

from dataclasses import dataclass

from repl.input.pastes import Entry


@dataclass(frozen=True, slots=True)
class QueuedLine:
    """A line that waits; one that ``steers`` goes to the model at its next step."""

    entry: Entry
    steers: bool = False


class MessageQueue:
    """The lines that wait, in the order in which they were entered."""

    def __init__(self) -> None:
        self._lines: list[QueuedLine] = []

    @property
    def lines(self) -> tuple[QueuedLine, ...]:
        return tuple(self._lines)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, entry: Entry, *, steers: bool = False) -> None:
        """Add a line at the end; a command never steers."""
        self._lines.append(QueuedLine(entry, steers and _is_message(entry)))

    def steer(self) -> bool:
        """Let all messages that wait steer; return False if none was waiting."""
        waiting = any(not line.steers and _is_message(line.entry) for line in self._lines)
        self._lines = [QueuedLine(line.entry, line.steers or _is_message(line.entry)) for line in self._lines]
        return waiting

    def take_last(self) -> Entry | None:
        """Remove the line that was added last, and return it."""
        return self._lines.pop().entry if self._lines else None

    def take_next(self) -> Entry | None:
        """Remove the next line to run, and return it."""
        return self._lines.pop(0).entry if self._lines else None

    def take_steering(self) -> list[Entry]:
        """Remove the messages that steer, and return them."""
        steering = [line.entry for line in self._lines if line.steers]
        self._lines = [line for line in self._lines if not line.steers]
        return steering

    def put_back(self, steering: list[Entry]) -> None:
        """Add messages that steer at the front."""
        self._lines[:0] = [QueuedLine(entry, steers=True) for entry in steering]

    def take_all(self) -> list[Entry]:
        """Remove all lines, and return them."""
        entries = [line.entry for line in self._lines]
        self._lines.clear()
        return entries


def _is_message(entry: Entry) -> bool:
    from commands.parse import Chat, parse_line  # here: the prompt is drawn without the commands

    return isinstance(parse_line(entry.text), Chat)


def joined(entries: list[Entry]) -> Entry:
    """Return one entry with the lines of all ``entries``, and with their pastes."""
    pastes = {marker: text for entry in entries for marker, text in entry.pastes.items()}
    return Entry("\n".join(entry.typed for entry in entries if entry.typed), pastes)
