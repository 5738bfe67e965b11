"""Messages as JSON data, with the keys of a session file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aloop.llm.content.parts import ContentPart, split_content
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall
from aloop.memory.codec.emitter import FLAGS, time_text

_THINKING = ("thinking", "signature", "redacted", "after_chars", "after_calls", "prefix")


def message_record(message: LLMMessage) -> dict[str, Any]:
    """Return a message as JSON data; of the empty keys, only ``content`` is included."""
    record: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.parts:
        record["content"] = list(map(_part_record, split_content(message.content or "", message.parts)))
    if message.tool_calls:
        record["tool_calls"] = list(map(_call_record, message.tool_calls))
    for name in ("tool_call_id", "name", "model", "output_file", "stop_reason", "layout", "provider", *FLAGS):
        if value := getattr(message, name):
            record[name] = value
    if message.blocks:
        record["blocks"] = [{"json": block} for block in message.blocks]
    if message.thinking:
        record["thinking"] = [_thinking_record(block) for block in message.thinking]
    extra = message.extra.as_dict()
    record |= _provenance_record(message)
    if message.usage:
        record["usage"] = asdict(message.usage) | extra.get("usage", {})
    return record | {key: value for key, value in extra.items() if key != "usage"}


def _part_record(part: str | ContentPart) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    known: dict[str, Any] = {}
    if part.is_own:
        known = {"type": part.kind, "file": part.file, "media_type": part.media_type, "size": part.size}
        known |= {"name": part.name}
        known = {key: value for key, value in known.items() if value or key in ("type", "file")}
    return known | part.extra.as_dict()


def _provenance_record(message: LLMMessage) -> dict[str, Any]:
    known: dict[str, Any] = {
        "at": message.at and time_text(message.at),
        "cost": None if message.cost is None else float(message.cost),
        "duration_ms": message.duration_ms,
        "permission": message.permission and _without_blanks(asdict(message.permission)),
        "files": [_without_blanks(asdict(change)) for change in message.files] or None,
    }
    return {key: value for key, value in known.items() if value is not None}


def _without_blanks(texts: dict[str, str]) -> dict[str, str]:
    first = next(iter(texts))
    return {key: text for key, text in texts.items() if text or key == first}


def _call_record(call: ToolCall) -> dict[str, Any]:
    extra = call.extra.as_dict()
    function: dict[str, Any] = {"name": call.name, "arguments": call.arguments} | extra.get("function", {})
    known: dict[str, Any] = {"id": call.id, "type": "function"}
    return known | extra | {"function": function}


def _thinking_record(block: ThinkingBlock) -> dict[str, Any]:
    known: dict[str, Any] = {name: getattr(block, name) for name in _THINKING}
    return known | block.extra.as_dict()
