"""Conversations and stored sessions.

MemoryManager and SessionLibrary are the public interface. Names are imported on first use, because shell completion of
session IDs needs none of them.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, without the time to import it
if TYPE_CHECKING:
    from aloop.memory.context import ContextUse
    from aloop.memory.library import SessionLibrary
    from aloop.memory.manager import MemoryManager
    from aloop.memory.session import SaveReport, Session, SessionStats, SessionSummary, SessionTitle
    from aloop.memory.turn import Turn

_HOMES = {
    "ContextUse": "context",
    "MemoryManager": "manager",
    "SaveReport": "session",
    "Session": "session",
    "SessionLibrary": "library",
    "SessionStats": "session",
    "SessionSummary": "session",
    "SessionTitle": "session",
    "Turn": "turn",
}

__all__ = [
    "ContextUse",
    "MemoryManager",
    "SaveReport",
    "Session",
    "SessionLibrary",
    "SessionStats",
    "SessionSummary",
    "SessionTitle",
    "Turn",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Imported here to keep the import of this package fast.
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
