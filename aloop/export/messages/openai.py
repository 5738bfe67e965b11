"""Messages in OpenAI's chat format."""

from __future__ import annotations

from typing import Any

from aloop.export.base import Document, count_failures, count_named
from aloop.export.json import METADATA, json_document
from aloop.export.transcript import transcript
from aloop.llm.content.parts import ContentPart, marked_text, sendable_source, split_content
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session


def to_openai(session: Session) -> Document:
    """Return an object with the model and the messages."""
    found = transcript(session, with_system=True)
    messages = [_record(message) for message in session.system_messages]
    sent = [entry.message for entry in found.entries]
    messages += map(_record, sent)
    record: dict[str, Any] = {"model": session.model} if session.model else {}
    text = json_document(record | {"messages": messages, "metadata": {METADATA: session.id}})
    left_out = found.left_out + count_named(sent, _is_shown) + count_failures(sent)
    return Document((text,), left_out, found.is_empty)


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


def _is_shown(message: LLMMessage, part: ContentPart) -> bool:
    return message.role == "user" and _image(part) is not None


def _image(part: ContentPart) -> dict[str, Any] | None:
    source = sendable_source(part)
    return source if source and source.get("media_type", "image/").startswith("image/") else None


def _part(part: str | ContentPart) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    source = _image(part)
    if source is None:
        return {"type": "text", "text": part.mark}
    url = source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"
    return {"type": "image_url", "image_url": {"url": url}}
