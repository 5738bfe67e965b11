"""Sessions: MemoryManager is the only door; the rest of the package is behind it."""

from __future__ import annotations

from aloop.memory.context_use import ContextUse
from aloop.memory.manager import MemoryManager
from aloop.memory.session import SaveReport, Session, SessionStats, SessionSummary, SessionTitle
from aloop.memory.turn import Turn

__all__ = [
    "ContextUse",
    "MemoryManager",
    "SaveReport",
    "Session",
    "SessionStats",
    "SessionSummary",
    "SessionTitle",
    "Turn",
]
