"""aloop: talk with an LLM agent whose memory is YAML that you own.

The names below are the library. They are looked up on first use, so that ``import aloop`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the one of typing, without typing: that would take longer to load than all the rest of this

__version__ = "0.2.0"

_HOMES = {
    "ReActAgent": "aloop.agent",
    "MemoryManager": "aloop.memory",
    "LLMMessage": "aloop.llm.message_types",
    "ToolCall": "aloop.llm.message_types",
    "Tool": "aloop.tools",
    "ToolResult": "aloop.tools",
    "tool": "aloop.tools",
    "create_llm": "aloop.llm",
    "AloopError": "aloop.errors",
    "AmbiguousPrefix": "aloop.errors",
    "InvalidPrefix": "aloop.errors",
    "LLMError": "aloop.errors",
    "SessionFileError": "aloop.errors",
    "SessionNotFound": "aloop.errors",
    "StorageError": "aloop.errors",
    "ToolError": "aloop.errors",
}

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.errors import (
        AloopError,
        AmbiguousPrefix,
        InvalidPrefix,
        LLMError,
        SessionFileError,
        SessionNotFound,
        StorageError,
        ToolError,
    )
    from aloop.llm import create_llm
    from aloop.llm.message_types import LLMMessage, ToolCall
    from aloop.memory import MemoryManager
    from aloop.tools import Tool, ToolResult, tool

__all__ = [
    "AloopError",
    "AmbiguousPrefix",
    "InvalidPrefix",
    "LLMError",
    "LLMMessage",
    "MemoryManager",
    "ReActAgent",
    "SessionFileError",
    "SessionNotFound",
    "StorageError",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "create_llm",
    "tool",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Imported here, so that `aloop --version` does not wait for it.
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
