"""A small session, and saves of its file."""

from __future__ import annotations

from dataclasses import replace

from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session
from aloop.memory.session_folder.session_file import SessionFile
from tests.memory.examples import LATER, answer, user

FIRST = (user("Hi"), answer("Hello"))


def add(stored: SessionFile, *messages: LLMMessage, system: str | None = None) -> Session:
    """Save ``messages`` as the next ones and return the expected session."""
    grown = replace(stored.session, updated_at=LATER, messages=(*stored.session.messages, *messages))
    if system is not None:
        grown = replace(grown, system_messages=(LLMMessage("system", system),))
    stored.save(grown, messages, system_changed=system is not None)
    return grown
