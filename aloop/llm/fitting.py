"""A conversation made to fit a model that takes less than others: pure projections of what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aloop.llm.base import ToolSpec
from aloop.llm.message_types import LLMMessage
from aloop.llm.system_text import briefly


def without_tools(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` for a model that knows no tools: calls, results and thoughts are left out."""
    sent = []
    for message in messages:
        if message.role == "system":
            sent.append(replace(message, content=briefly(message.content or "")))
        elif message.role != "tool" and (message.content or "").strip():
            sent.append(replace(message, tool_calls=(), thinking=()))
    return sent


def without_oldest(messages: Sequence[LLMMessage], share: float) -> list[LLMMessage] | None:
    """Return ``messages`` without about ``share`` of their text, from the front, as whole turns, the system's apart.

    The last turn always stays; None when there is nothing but that.
    """
    system = [message for message in messages if message.role == "system"]
    said = [message for message in messages if message.role != "system"]
    starts = [place for place, message in enumerate(said) if place and message.role == "user"]
    if not starts:
        return None
    unwanted = share * sum(map(_length, said))
    for start in starts:
        if sum(map(_length, said[:start])) >= unwanted:
            return system + said[start:]
    return system + said[starts[-1] :]


def most_tokens(messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> int:
    """Return a number that the tokens of a question stay below, whatever the model: a token is a byte or more."""
    return sum(map(_length, messages)) + len(str(tools).encode())


def _length(message: LLMMessage) -> int:
    """Return the bytes of a message, and some for who speaks."""
    calls = sum(len(call.name) + len(call.arguments.encode()) for call in message.tool_calls)
    return 32 + calls + len((message.content or "").encode())
