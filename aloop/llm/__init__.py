"""Language models behind one interface: Anthropic's, local ones, an offline demo.

``create_llm`` returns one. Names are imported on first use, so that importing a module of this package is fast.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, without the time to import it
if TYPE_CHECKING:
    from aloop.llm.base import LLM, Reply, StopReason, StreamEvent, TextDelta, ThinkingDelta, ToolSpec
    from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
    from aloop.llm.offline import OfflineLLM
    from aloop.llm.providers import create_llm

_HOMES = {
    "LLM": "base",
    "LLMMessage": "message_types",
    "OfflineLLM": "offline",
    "Reply": "base",
    "StopReason": "base",
    "StreamEvent": "base",
    "TextDelta": "base",
    "ThinkingBlock": "message_types",
    "ThinkingDelta": "base",
    "ToolCall": "message_types",
    "ToolSpec": "base",
    "Usage": "message_types",
    "create_llm": "providers",
}

__all__ = [
    "LLM",
    "LLMMessage",
    "OfflineLLM",
    "Reply",
    "StopReason",
    "StreamEvent",
    "TextDelta",
    "ThinkingBlock",
    "ThinkingDelta",
    "ToolCall",
    "ToolSpec",
    "Usage",
    "create_llm",
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
