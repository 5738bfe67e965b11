"""Conversations of a given size, equal in every run."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aloop.llm.content.provenance import FileChange, Permission, short_digest
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
    """Yield a turn with the keys that aloop writes."""
    call = ToolCall(f"call_{number}", "read_file", '{"path": "src/main.py"}')
    usage = Usage(1200, 80, 300, 40_000, chance.randrange(500, 9_000))
    now = _START + timedelta(seconds=30 * number)
    answered: dict[str, Any] = {"usage": usage, "model": "claude-sonnet-5-5", "cost": Decimal("0.005925")}
    files: tuple[FileChange, ...] = ()
    if chance.random() < 0.25:
        call = replace(call, name="edit_file")
        files = (FileChange("src/main.py", short_digest(b"before"), short_digest(b"after")),)
    yield LLMMessage("user", " ".join(chance.choices(_WORDS, k=12)), at=now)
    yield LLMMessage("assistant", "Let me look.", (call,), at=_later(now, chance), **answered)
    yield LLMMessage(
        "tool",
        _text(chance, longest),
        tool_call_id=call.id,
        name=call.name,
        at=_later(now, chance),
        duration_ms=chance.randrange(10_000),
        permission=Permission("once", "user") if files else Permission("allowed", "rule"),
        files=files,
    )
    yield LLMMessage("assistant", _text(chance, longest), at=_later(now, chance), **answered)


def _later(now: datetime, chance: random.Random) -> datetime:
    return now + timedelta(milliseconds=chance.randrange(9_000))


def _text(chance: random.Random, longest: int) -> str:
    size = chance.randrange(longest // 10, longest)
    lines = [" ".join(chance.choices(_WORDS, k=12)) for _ in range(size // 60 + 1)]
    return "\n".join(lines) + "\n"
