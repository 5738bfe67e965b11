"""Reading arguments that select sessions or messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aloop.errors import UsageError
from aloop.formatting import quantity
from commands.pages import SessionList

if TYPE_CHECKING:
    from aloop.errors import AmbiguousPrefix
    from commands.context import Context

_ROW_DIGITS = 3
_RANGE = re.compile(r"(\d{1,9})(?:\s*[-–]\s*(\d{1,9}))?", re.ASCII)


def read_session(context: Context, argument: str, lister: str = "/resume") -> str:
    """Return the ID or ID prefix that ``argument`` means.

    Up to three digits are a row number of the last list shown, anything else is an ID prefix. ``lister`` is the
    command that shows such rows. Raises UsageError if the row does not exist.
    """
    if not (argument.isascii() and argument.isdigit() and len(argument) <= _ROW_DIGITS):
        return argument.lower()
    row = int(argument)
    if not context.rows:
        raise UsageError(
            f"Row {row} does not exist, because no list is shown, or the last one is empty. Run {lister} to show one."
        )
    if not 1 <= row <= len(context.rows):
        raise UsageError(f"Row {row} does not exist: the last list has {quantity(len(context.rows), 'row')}.")
    return context.rows[row - 1]


async def show_candidates(context: Context, error: AmbiguousPrefix) -> None:
    """Report an ambiguous prefix, and list the matching sessions as rows."""
    memory = context.memory
    candidates = set(error.candidates)
    listed = await memory.library.list_sessions(None, prefix=error.prefix)
    rows = [row for row in listed if row.id in candidates]
    context.view.error(
        f"{len(candidates)} sessions match {error.prefix!r}. Type more characters of the ID, or a row number:"
    )
    context.rows = [row.id for row in rows]
    await context.view.show(SessionList(rows))


def read_number(argument: str, noun: str = "message") -> int:
    """Return the number of one message or other ``noun``; raise UsageError."""
    match = _RANGE.fullmatch(argument)
    if match and match[2]:
        raise UsageError(f"Type one {noun} number instead of {argument}, such as {match[1]}.")
    if match is None:
        raise UsageError(f"{argument!r} is not a {noun} number. Type a number such as 3.")
    if not int(argument):
        raise UsageError(f"{noun.capitalize()} 0 does not exist: {noun} numbers count from 1.")
    return int(argument)


def read_range(argument: str) -> tuple[int, int]:
    """Return the first and last number of ``N`` or ``N-M``; raise UsageError."""
    match = _RANGE.fullmatch(argument)
    if match is None:
        raise UsageError(f"{argument!r} is not a message number. Type a number such as 3, or a range such as 3-5.")
    if match[2] is None:
        return (only := read_number(argument)), only
    first, last = int(match[1]), int(match[2])
    if not 1 <= first <= last:
        raise UsageError(
            f"{argument} is not a valid range. Message numbers count from 1, and the smaller number comes first."
        )
    return first, last


def require_in_range(number: int, count: int) -> None:
    """Raise UsageError if a session of ``count`` messages has no message ``number``."""
    if number > count:
        has = f"has {quantity(count, 'message')}" if count else "has no messages yet"
        raise UsageError(f"Message {number} does not exist: this session {has}.")


def numbered(first: int, last: int) -> str:
    """Return ``message 3`` or ``messages 3-5``."""
    return f"message {first}" if first == last else f"messages {first}-{last}"
