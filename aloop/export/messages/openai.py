"""Messages in OpenAI's chat format."""

from __future__ import annotations

from typing import Any

from aloop.export.base import Document
from aloop.export.json import METADATA, json_document
from aloop.export.transcript import transcript
from aloop.llm.content.parts import ContentPart, marked_text, sendable_source, split_content
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session


def to_openai(session: Session) -> Document:
    """Return an object with the model and the messages."""
    found = transcript(session, with_system=True)
    messages = [_record(message) for message in session.system_messages]
    messages += [_record(entry.message) for entry in found.entries]
    record: dict[str, Any] = {"model": session.model} if session.model else {}
    text = json_document(record | {"messages": messages, "metadata": {METADATA: session.id}})
    return Document((text,), found.left_out)


def _record(message: LLMMessage) -> dict[str, Any]:
    record: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        record["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        record["tool_call_id"] = message.tool_call_id
    return record


def _content(message: LLMMessage) -> str | list[dict[str, Any]] | None:
    """Return the text, or a list if a user message has images."""
    if not message.parts:
        return message.content
    if message.role != "user":  # results can have text only
        return marked_text(message.content, message.parts)
    return [_part(each) for each in split_content(message.content or "", message.parts)]


def _part(part: str | ContentPart) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    source = sendable_source(part)
    if source is None or not source.get("media_type", "image/").startswith("image/"):
        return {"type": "text", "text": part.mark}
    url = source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"
    return {"type": "image_url", "image_url": {"url": url}}
