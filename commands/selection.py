"""Numbers of messages, as a person types them: from 1, as /history shows them.

What a failed save has left in memory only: written before the session is put away.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aloop.errors import UsageError

if TYPE_CHECKING:
    from aloop.memory import MemoryManager


_RANGE = re.compile(r"(\d{1,9})(?:\s*[-–]\s*(\d{1,9}))?", re.ASCII)


def read_number(argument: str) -> int:
    """Return the number of one message; raises UsageError for anything else."""
    first, last = read_range(argument)
    if first != last:
        raise UsageError(f"One message number is needed, not {argument}. /history shows them.")
    return first


def read_range(argument: str) -> tuple[int, int]:
    """Return the first and the last number of ``N`` or ``N-M``; raises UsageError for anything else."""
    match = _RANGE.fullmatch(argument)
    if match is None:
        raise UsageError(f"{argument!r} is no message number: type one such as 3, or several such as 3-5.")
    first = int(match[1])
    last = int(match[2] or first)
    if not 1 <= first <= last:
        raise UsageError(f"{argument} is no range of messages: they count from 1, and the smaller number comes first.")
    return first, last


def require_in_range(number: int, count: int) -> None:
    """Raise UsageError for the number of a message that a session of ``count`` messages does not have."""
    if number > count:
        there_are = "has no messages yet" if not count else f"has {count} {'message' if count == 1 else 'messages'}"
        raise UsageError(f"There is no message {number}: this session {there_are}.")


def numbered(first: int, last: int) -> str:
    """Return the messages from ``first`` to ``last`` in words."""
    return f"message {first}" if first == last else f"messages {first}-{last}"


async def save_before_leaving(memory: MemoryManager) -> None:
    """Save the open session if its file lacks messages, or is gone; raises StorageError or SessionFileError.

    A session that is saved already is not written, so that putting it away does not change when it was last used.
    """
    if memory.has_unsaved or (memory.path is not None and not memory.path.exists()):
        await memory.save_memory()
