"""Messages to the content blocks of the Messages API, and back: pure, and without loss.

A block is a mapping with a ``type``, as the API writes it. Going out, whatever the API would refuse is left out or
made acceptable (blank text, thoughts without a signature, ids with other characters than it allows), so that one
odd message never makes a conversation unusable. Coming in, block types that aloop does not know are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aloop.llm.base import ToolSpec
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage, clean_text

Block = dict[str, Any]

_THOUGHTS = ("thinking", "redacted_thinking")
_FORBIDDEN_IN_ID = re.compile(r"[^A-Za-z0-9_-]")


def to_request(messages: Iterable[LLMMessage]) -> tuple[str, list[Block]]:
    """Return the system text and the turns to send; neighbours of one role are merged into one turn."""
    system: list[str] = []
    turns: list[Block] = []
    for message in messages:
        match message.role:
            case "system":
                system += [block["text"] for block in _text_blocks(message.content)]
            case "user":
                _append(turns, "user", _text_blocks(message.content))
            case "tool":
                _append(turns, "user", _result_blocks(message))
            case "assistant":
                _append(turns, "assistant", assistant_blocks(message))
    _close(turns)
    return "\n\n".join(system), turns


def assistant_blocks(message: LLMMessage) -> list[Block]:
    """Return the blocks of one answer, each thought in its place; between two thoughts, text stands before calls."""
    text, calls = message.content or "", message.tool_calls
    blocks: list[Block] = []
    chars = called = 0
    for thought in message.thinking:
        text_end, calls_end = max(chars, thought.after_chars), max(called, thought.after_calls)
        blocks += _text_blocks(text[chars:text_end])
        blocks += map(_call_block, calls[called:calls_end])
        blocks += _thought_blocks(thought)
        chars, called = text_end, calls_end
    blocks += _text_blocks(text[chars:])
    blocks += map(_call_block, calls[called:])
    while blocks and blocks[-1]["type"] in _THOUGHTS:  # refused by the API: an answer may not end in a thought
        blocks.pop()
    return blocks


def to_message(
    blocks: Iterable[Mapping[str, Any]], *, model: str | None = None, usage: Usage | None = None
) -> LLMMessage:
    """Return the answer that ``blocks`` make; the ``input`` of a tool call may be an object or its JSON text."""
    text = ""
    calls: list[ToolCall] = []
    thoughts: list[ThinkingBlock] = []
    for block in blocks:
        match block.get("type"):
            case "text":
                text += clean_text(str(block.get("text") or ""))
            case "tool_use":
                calls.append(ToolCall(str(block.get("id")), str(block.get("name")), _arguments(block.get("input"))))
            case "thinking" | "redacted_thinking":
                thoughts.append(_thought(block, len(text), len(calls)))
    return LLMMessage(
        "assistant",
        text or (None if calls else ""),
        tool_calls=tuple(calls),
        thinking=tuple(thoughts),
        model=model,
        usage=usage,
    )


def tool_params(tools: Sequence[ToolSpec]) -> list[Block]:
    """Return the tools as the API is told of them."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)} for tool in tools
    ]


def input_object(arguments: str) -> Block:
    """Return the object that ``arguments`` spells, empty where it spells none that can be sent."""
    try:
        value = json.loads(arguments)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    cleaned = clean_text(text)
    return value if cleaned == text else dict(json.loads(cleaned))


def _shows(text: str | None) -> bool:
    return bool(text and text.strip())


def _append(turns: list[Block], role: str, blocks: list[Block]) -> None:
    if not blocks:
        return
    if not turns or turns[-1]["role"] != role:
        turns.append({"role": role, "content": blocks})
        return
    together = turns[-1]["content"] + blocks
    # A turn that answers tool calls must begin with the results.
    turns[-1]["content"] = (
        sorted(together, key=lambda block: block["type"] != "tool_result") if role == "user" else together
    )


def _close(turns: list[Block]) -> None:
    """Take trailing white space from a last turn of the assistant's, which the API would refuse."""
    if turns and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1]["type"] == "text":
        last = turns[-1]["content"][-1]
        last["text"] = last["text"].rstrip()


def _text_blocks(text: str | None) -> list[Block]:
    return [{"type": "text", "text": text}] if _shows(text) else []


def _result_blocks(message: LLMMessage) -> list[Block]:
    if not message.tool_call_id:
        return _text_blocks(message.content)
    block: Block = {"type": "tool_result", "tool_use_id": _sendable(message.tool_call_id)}
    if _shows(message.content):
        block["content"] = message.content
    if message.is_error:
        block["is_error"] = True
        block.setdefault("content", "The tool failed and did not say why.")  # an error without content is refused
    return [block]


def _call_block(call: ToolCall) -> Block:
    return {
        "type": "tool_use",
        "id": _sendable(call.id),
        "name": _sendable(call.name),
        "input": input_object(call.arguments),
    }


def _sendable(name: str) -> str:
    return _FORBIDDEN_IN_ID.sub("_", name) or "unnamed"


def _thought_blocks(thought: ThinkingBlock) -> list[Block]:
    if thought.redacted:
        return [{"type": "redacted_thinking", "data": thought.redacted}]
    if thought.signature:
        return [{"type": "thinking", "thinking": thought.thinking, "signature": thought.signature}]
    return []  # cut short before it was signed, so it proves nothing and would be refused


def _thought(block: Mapping[str, Any], after_chars: int, after_calls: int) -> ThinkingBlock:
    return ThinkingBlock(
        thinking=clean_text(str(block.get("thinking") or "")),
        signature=str(block.get("signature") or ""),
        redacted=str(block.get("data") or ""),
        after_chars=after_chars,
        after_calls=after_calls,
    )


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return json.dumps(value or {}, ensure_ascii=False)
