"""Sessions: MemoryManager is the only door; the rest of the package is behind it.

The names below are looked up on first use: completing a session's id in a shell needs none of what is behind them.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the one of typing, without typing: that takes longer to load
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
    # Imported here, for the module may be one that needs none of this.
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
