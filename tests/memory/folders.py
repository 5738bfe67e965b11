"""Helpers that store sessions in a sessions folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from aloop.llm.message_types import LLMMessage
from aloop.memory.session import SessionSummary
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import ID, NOON, session, user

TWIN_ID = "a1b2ffff-5678-40ab-8def-1234567890ab"

BROKEN_ID = "0badcafe-5678-40ab-8def-1234567890ab"


def put(backend: YamlBackend, identity: str = ID, minutes: int = 0, *messages: LLMMessage) -> Path:
    """Store a session, last changed ``minutes`` after noon, and return its file."""
    changed = NOON + timedelta(minutes=minutes)
    return backend.create(session(*messages or (user("Hi"),), identity=identity, updated_at=changed)).path


def ids(summaries: list[SessionSummary]) -> list[str]:
    return [summary.id for summary in summaries]
