"""Messages that belong together: a turn, and a tool call with its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aloop.llm.message_types import LLMMessage


def last_turn(messages: Sequence[LLMMessage]) -> int | None:
    """Return the place of the last thing that the user said, with which the last turn begins; None without one."""
    return next((place for place in range(len(messages) - 1, -1, -1) if is_question(messages[place])), None)


def is_question(message: LLMMessage) -> bool:
    """Whether the user said this; a summary is put into the user's mouth."""
    return message.role == "user" and not message.summary


def whole(messages: Sequence[LLMMessage], first: int, last: int) -> tuple[int, int]:
    """Return a range of places, both included, widened so that no tool call is parted from its results."""
    while first and messages[first].role == "tool":
        first -= 1
    waiting = messages[last].tool_calls or messages[last].role == "tool"
    while waiting and last + 1 < len(messages) and messages[last + 1].role == "tool":
        last += 1
    return first, last


def marked(messages: Sequence[LLMMessage], first: int, last: int, *, skip: bool) -> list[LLMMessage]:
    """Return ``messages`` with those from place ``first`` to ``last``, the latter included, skipped or not."""
    return [
        replace(message, skip=skip) if first <= place <= last and message.skip is not skip else message
        for place, message in enumerate(messages)
    ]


def all_sent(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` with none skipped but summaries: one that was undone would hide all before it again."""
    return [replace(message, skip=False) if message.skip and not message.summary else message for message in messages]
