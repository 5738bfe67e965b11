"""Lines entered while a turn runs, which wait for its end or steer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aloop.sanitize import safe_line
from aloop.width import fit, unjoined
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


def is_line(text: str, line: str) -> bool:
    """Return True if ``text`` and Enter, typed too early for a question, end ``line``."""
    # A lone key on an empty line was meant for the question, and would be sent to the model.
    return bool(text and line) or len(text) > 1


def with_typed(lines: Sequence[QueuedLine], typed: str, before: str, after: str) -> tuple[list[QueuedLine], str]:
    """Return ``lines`` with those that end in ``typed``, and the draft with the rest.

    ``before`` and ``after`` are the draft around the cursor. The draft is empty if nothing was typed for it.
    """
    waiting = list(lines)
    *ended, rest = typed.split("\r")
    for text in ended:
        before += text if is_line(text, before + after) else ""
        if (before + after).strip():
            waiting.append(QueuedLine(Entry(before + after)))
            before = after = ""
    return waiting, f"{before}{rest}{after}".strip() if rest else ""
