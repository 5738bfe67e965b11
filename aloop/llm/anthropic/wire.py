"""Conversion between messages and the content blocks of the Messages API.

A block is a mapping with a ``type``, as in the API's reference. Content that the API would refuse is left out or
corrected when it is sent (blank text, thinking without a signature, characters not allowed in an ID), so that one odd
message never makes a conversation unusable. Received blocks of unknown types are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from aloop.errors import StreamBroken
from aloop.llm.base import Reply, StopReason, TextDelta, ThinkingDelta, ToolSpec
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage, clean_text

Block = dict[str, Any]

_THINKING_TYPES = ("thinking", "redacted_thinking")
_FORBIDDEN_IN_ID = re.compile(r"[^A-Za-z0-9_-]")


def to_request(messages: Iterable[LLMMessage]) -> tuple[str, list[Block]]:
    """Return the system text and the turns, with messages of one role merged."""
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
    _strip_end(turns)
    return "\n\n".join(system), turns


def assistant_blocks(message: LLMMessage) -> list[Block]:
    """Return the blocks of one answer in their order.

    Between two thinking blocks, the order is text, then calls.
    """
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
    while blocks and blocks[-1]["type"] in _THINKING_TYPES:  # the API refuses an answer that ends with thinking
        blocks.pop()
    return blocks


def to_message(
    blocks: Iterable[Mapping[str, Any]], *, model: str | None = None, usage: Usage | None = None
) -> LLMMessage:
    """Return the answer made of ``blocks``; ``input`` may be an object or JSON text."""
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
    """Return the ``tools`` parameter of a request."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)} for tool in tools
    ]


def input_object(arguments: str) -> Block:
    """Return the JSON object in ``arguments``; an empty one if it cannot be sent."""
    try:
        value = json.loads(arguments)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    cleaned = clean_text(text)
    return value if cleaned == text else dict(json.loads(cleaned))


def _is_visible(text: str | None) -> bool:
    return bool(text and text.strip())


def _append(turns: list[Block], role: str, blocks: list[Block]) -> None:
    if not blocks:
        return
    if not turns or turns[-1]["role"] != role:
        turns.append({"role": role, "content": blocks})
        return
    merged = turns[-1]["content"] + blocks
    # A turn that answers tool calls must begin with the results.
    turns[-1]["content"] = (
        sorted(merged, key=lambda block: block["type"] != "tool_result") if role == "user" else merged
    )


def _strip_end(turns: list[Block]) -> None:
    """Remove white space at the end of a final answer, which the API refuses."""
    if turns and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1]["type"] == "text":
        last = turns[-1]["content"][-1]
        last["text"] = last["text"].rstrip()


def _text_blocks(text: str | None) -> list[Block]:
    return [{"type": "text", "text": text}] if _is_visible(text) else []


def _result_blocks(message: LLMMessage) -> list[Block]:
    if not message.tool_call_id:
        return _text_blocks(message.content)
    block: Block = {"type": "tool_result", "tool_use_id": _sendable(message.tool_call_id)}
    if _is_visible(message.content):
        block["content"] = message.content
    if message.is_error:
        block["is_error"] = True
        block.setdefault("content", "The tool failed without a reason.")  # the API refuses an error without content
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
    return []  # cut short before its signature arrived; the API would refuse it


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


_STOP_REASONS = get_args(StopReason)
_USAGE_FIELDS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_creation_input_tokens": "cache_creation_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
}


class Accumulator:
    """Assembles an answer from the API's events, fed one by one.

    The JSON of a tool call is kept as text even if it is invalid, so that the model can be told what is wrong with it.
    Events, blocks and deltas of unknown types are ignored, as the API requires.
    """

    def __init__(self) -> None:
        self._blocks: dict[object, Block] = {}
        self._counts: dict[str, int] = {}
        self._stop_reason: str | None = None
        self._detail = ""

    def feed(self, event: Mapping[str, Any]) -> TextDelta | ThinkingDelta | None:
        """Take one event and return its delta, if it has one to show."""
        match event.get("type"):
            case "message_start":
                self._count(_mapping(_mapping(event.get("message")).get("usage")))
            case "content_block_start":
                return self._start(event.get("index"), _mapping(event.get("content_block")))
            case "content_block_delta":
                return self._extend(event.get("index"), _mapping(event.get("delta")))
            case "message_delta":
                self._stop(_mapping(event.get("delta")))
                self._count(_mapping(event.get("usage")))
        return None

    def reply(self, model: str) -> Reply:
        """Return the whole answer; raises StreamBroken if the stream ended early."""
        if self._stop_reason is None:
            raise StreamBroken("The answer ended early. Send the message again.")
        usage = Usage(**{name: self._counts[key] for key, name in _USAGE_FIELDS.items() if key in self._counts})
        known = self._stop_reason in _STOP_REASONS
        return Reply(
            message=to_message(self._blocks.values(), model=model, usage=usage),
            # An unknown stop reason ends the turn, so that its tool calls are not run on a guess.
            stop_reason=cast("StopReason", self._stop_reason if known else "end_turn"),
            usage=usage,
            detail=self._detail or ("" if known else f"stop reason {self._stop_reason!r}"),
        )

    def _start(self, index: object, block: Mapping[str, Any]) -> TextDelta | ThinkingDelta | None:
        held = self._blocks[index] = dict(block)
        match held.get("type"):
            case "tool_use":
                given = held.get("input")
                held["input"] = json.dumps(given, ensure_ascii=False) if given else ""
            case "text":
                return _shown(TextDelta, held.get("text"))
            case "thinking":
                return _shown(ThinkingDelta, held.get("thinking"))
        return None

    def _extend(self, index: object, delta: Mapping[str, Any]) -> TextDelta | ThinkingDelta | None:
        held = self._blocks.setdefault(index, {})
        match delta.get("type"):
            case "text_delta":
                return _shown(TextDelta, _grow(held, "text", delta.get("text")))
            case "thinking_delta":
                return _shown(ThinkingDelta, _grow(held, "thinking", delta.get("thinking")))
            case "signature_delta":
                held["signature"] = delta.get("signature")
            case "input_json_delta":
                _grow(held, "input", delta.get("partial_json"))
        return None

    def _stop(self, delta: Mapping[str, Any]) -> None:
        self._stop_reason = delta.get("stop_reason") or self._stop_reason
        details = _mapping(delta.get("stop_details"))
        parts = (details.get("category"), details.get("explanation"))
        self._detail = ": ".join(part for part in parts if isinstance(part, str) and part) or self._detail

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Merge counts: later ones are totals and replace earlier ones."""
        self._counts |= {key: usage[key] for key in _USAGE_FIELDS if isinstance(usage.get(key), int)}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _grow(block: Block, key: str, piece: object) -> str:
    text = piece if isinstance(piece, str) else ""
    block[key] = f"{block.get(key) or ''}{text}"
    return text


def _shown(kind: type[TextDelta] | type[ThinkingDelta], text: object) -> TextDelta | ThinkingDelta | None:
    return kind(clean_text(text)) if isinstance(text, str) and text else None
