"""Messages in OpenAI's chat format."""

from __future__ import annotations

import json
from typing import Any

from aloop.export.transcript import transcript
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session


def to_openai(session: Session) -> str:
    """Return an object with the model and the messages."""
    found = transcript(session, with_system=True)
    messages = [_record(message) for message in session.system_messages]
    messages += [_record(entry.message) for entry in found.entries]
    record = {"model": session.model, "messages": messages} if session.model else {"messages": messages}
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def _record(message: LLMMessage) -> dict[str, Any]:
    record: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        record["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        record["tool_call_id"] = message.tool_call_id
    return record
