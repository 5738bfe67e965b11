"""Work with an LLM agent in a shell that saves each conversation as a YAML file.

The names in ``__all__`` are the public library. They are imported on first use, so that ``import aloop`` is fast.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which takes longer to import than the rest of this module

__version__ = "0.2.0"

_MODULES = {
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
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Imported here for startup time: `aloop --version` does not need it.
    from importlib import import_module

    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value
