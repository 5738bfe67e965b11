"""Messages in the format of Anthropic's API."""

from __future__ import annotations

from typing import Any

from aloop.export.base import Document, count_named
from aloop.export.json import METADATA, json_document
from aloop.export.tools.target import input_of
from aloop.export.transcript import Entry, transcript
from aloop.llm.content.parts import ContentPart, sendable_source, split_content
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session


def to_anthropic(session: Session) -> Document:
    """Return an object with the model, the system text and the messages."""
    found = transcript(session, with_system=True)
    system = [message.content or "" for message in session.system_messages]
    messages: list[dict[str, Any]] = []
    for entry in found.entries:
        if entry.message.role == "system":
            system.append(entry.text)
            continue
        role = "assistant" if entry.message.role == "assistant" else "user"
        blocks = list(_blocks(entry))
        if messages and messages[-1]["role"] == role == "user" and entry.message.role == "tool":
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    record: dict[str, Any] = {"model": session.model} if session.model else {}
    record |= {"system": "\n\n".join(filter(None, system))} if any(system) else {}
    text = json_document(record | {"messages": messages, "metadata": {METADATA: session.id}})
    left_out = found.left_out + count_named((entry.message for entry in found.entries), _is_shown)
    return Document((text,), left_out, found.is_empty)


def _blocks(entry: Entry) -> list[dict[str, Any]]:
    message = entry.message
    parts = [_part(each) for each in split_content(message.content or "", message.parts)] if message.parts else []
    if parts and message.role == "user":
        return parts
    if message.role == "tool":
        content = parts or entry.text
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": content}
        return [{**result, "is_error": True} if message.is_error else result]
    blocks: list[dict[str, Any]] = [{"type": "text", "text": entry.text}] if entry.text else []
    calls = message.tool_calls
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": input_of(call.arguments)} for call in calls
    ]
    return blocks


def _is_shown(message: LLMMessage, part: ContentPart) -> bool:
    return message.role in ("user", "tool") and sendable_source(part) is not None


def _part(part: str | ContentPart) -> dict[str, Any]:
    source = None if isinstance(part, str) else sendable_source(part)
    if source is None:
        return {"type": "text", "text": part if isinstance(part, str) else part.mark}
    return {"type": "document" if source.get("media_type") == "application/pdf" else "image", "source": source}
