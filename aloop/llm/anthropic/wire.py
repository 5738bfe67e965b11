"""Messages to the content blocks of the Messages API, and back: pure, and without loss.

A block is a mapping with a ``type``, as the API writes it. Going out, whatever the API would refuse is left out or
made acceptable (blank text, thoughts without a signature, ids with other characters than it allows), so that one
odd message never makes a conversation unusable. Coming in, block types that aloop does not know are passed over.

Puts the events of one streamed answer together again.
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


_STOP_REASONS = get_args(StopReason)
_USAGE_FIELDS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_creation_input_tokens": "cache_creation_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
}


class Accumulator:
    """Takes the API's events one by one, in order, and holds the answer so far.

    The JSON of a tool call is kept as the text that came, whether or not it can be parsed: only then can the model be
    told what was wrong with it. Events, blocks and deltas of unknown types are passed over, as the API asks.
    """

    def __init__(self) -> None:
        self._blocks: dict[object, Block] = {}
        self._counts: dict[str, int] = {}
        self._stop_reason: str | None = None
        self._detail = ""

    def feed(self, event: Mapping[str, Any]) -> TextDelta | ThinkingDelta | None:
        """Take one event and return what of it is to be shown at once."""
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
        """Return the whole answer; raises StreamBroken when the stream ended before the answer did."""
        if self._stop_reason is None:
            raise StreamBroken("The answer stopped before its end. Ask again.")
        usage = Usage(**{name: self._counts[key] for key, name in _USAGE_FIELDS.items() if key in self._counts})
        known = self._stop_reason in _STOP_REASONS
        return Reply(
            message=to_message(self._blocks.values(), model=model, usage=usage),
            # A reason of the future ends the turn: its tool calls are not run on a guess.
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
        """Later counts are totals and replace earlier ones; those left out keep their value."""
        self._counts |= {key: usage[key] for key in _USAGE_FIELDS if isinstance(usage.get(key), int)}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _grow(block: Block, key: str, piece: object) -> str:
    text = piece if isinstance(piece, str) else ""
    block[key] = f"{block.get(key) or ''}{text}"
    return text


def _shown(kind: type[TextDelta] | type[ThinkingDelta], text: object) -> TextDelta | ThinkingDelta | None:
    return kind(clean_text(text)) if isinstance(text, str) and text else None
