"""Counts over a session, from what its messages say of themselves."""

from __future__ import annotations

from collections import Counter

from aloop.llm.message_types import Usage
from aloop.memory.session import Session, SessionStats

UNNAMED = "(not named)"
"""Stands for the model of answers that do not say whose they are."""


def count(session: Session, size: int) -> SessionStats:
    """Return the counts; ``size`` is that of the file in bytes."""
    messages = session.messages
    by_model: dict[str, Usage] = {}
    for message in messages:
        if message.usage:
            name = message.model or UNNAMED
            by_model[name] = by_model.get(name, Usage()) + message.usage
    return SessionStats(
        session.id,
        session.created_at,
        session.updated_at,
        len(messages),
        Counter(message.role for message in messages),
        Counter(call.name for message in messages for call in message.tool_calls),
        sum(by_model.values(), Usage()),
        size,
        session.path,
        by_model,
    )
