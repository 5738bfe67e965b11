"""Messages as plain data, in the shape that they have in session.yaml; for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aloop.llm.message_types import LLMMessage

_MARKS = ("interrupted", "is_error", "skip", "summary")


def message_record(message: LLMMessage) -> dict[str, Any]:
    """Return the keys that carry something; ``content`` always."""
    record: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        record["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    for name in ("tool_call_id", "name", "model", "output_file", *_MARKS):
        if value := getattr(message, name):
            record[name] = value
    if message.thinking:
        record["thinking"] = [asdict(block) for block in message.thinking]
    if message.usage:
        record["usage"] = asdict(message.usage)
    return record
