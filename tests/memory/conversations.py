"""Helpers that add messages to a conversation and read its file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary


async def say(manager: MemoryManager, *messages: LLMMessage) -> None:
    """Add messages outside a turn, and save."""
    for message in messages:
        await manager.add_message(message)
    await manager.save_memory()


async def take_turn(
    manager: MemoryManager, question: str, answer: str, between: Callable[[], object] = lambda: None
) -> None:
    """Take a turn of two messages; ``between`` is called after the first."""
    async with manager.turn() as turn:
        await turn.add(LLMMessage("user", question))
        between()
        await turn.add(LLMMessage("assistant", answer))


def timeless(messages: Iterable[LLMMessage]) -> list[LLMMessage]:
    """Return messages without the time that a turn gives them."""
    return [replace(message, at=None) for message in messages]


def file_of(manager: MemoryManager) -> Path:
    assert manager.path is not None
    return manager.path


async def stored(manager: MemoryManager) -> tuple[LLMMessage, ...]:
    """Return the messages in the session file."""
    return (await SessionLibrary(manager.sessions_dir).load(manager.session_id)).messages
