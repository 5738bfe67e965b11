"""Conversations of a given size, equal in every run."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory.session import Session

_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "def", "return", "self", "= [1, 2]", "# and", "more")
_START = datetime(2026, 1, 1, tzinfo=UTC)


def conversation(size: int, longest: int = 4_000) -> Session:
    """Return a session of about ``size`` bytes.

    Tool results and answers have up to ``longest`` characters.
    """
    chance = random.Random(size)
    messages: list[LLMMessage] = []
    written = 0
    while written < size:
        turn = list(_turn(chance, len(messages), longest))
        written += sum(len(message.content or "") + 120 for message in turn)
        messages += turn
    identity = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    updated = _START + timedelta(seconds=chance.randrange(10_000_000))
    system = (LLMMessage("system", "You are a helpful assistant.\n"),)
    return Session(identity, _START, updated, system, tuple(messages), Path(), title="A conversation")


def _turn(chance: random.Random, number: int, longest: int) -> Iterator[LLMMessage]:
    call = ToolCall(f"call_{number}", "read_file", '{"path": "src/main.py"}')
    usage = Usage(input_tokens=1200, output_tokens=80)
    yield LLMMessage("user", " ".join(chance.choices(_WORDS, k=12)))
    yield LLMMessage("assistant", "Let me look.", (call,), usage=usage, model="claude-sonnet-5-5")
    yield LLMMessage("tool", _text(chance, longest), tool_call_id=call.id, name=call.name)
    yield LLMMessage("assistant", _text(chance, longest), usage=usage, model="claude-sonnet-5-5")


def _text(chance: random.Random, longest: int) -> str:
    size = chance.randrange(longest // 10, longest)
    lines = [" ".join(chance.choices(_WORDS, k=12)) for _ in range(size // 60 + 1)]
    return "\n".join(lines) + "\n"
