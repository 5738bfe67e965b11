"""Convert messages to the content blocks of the Messages API, and back.

Pure, and without loss: what an answer held goes back in the same order. Going out, everything that the API would refuse
is left out or made acceptable (blank text, unsigned thinking), so that one odd message never makes a session unusable.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from aloop.llm.anthropic.binding import PrefixDigest
from aloop.llm.base import ToolSpec
from aloop.llm.content.parts import sendable_source, split_content
from aloop.llm.json_values import digest_of, normal_json
from aloop.llm.layout import THINKING_TYPES, Block, Part, default_layout, describe, parts_of
from aloop.llm.message_types import NO_REASON, LLMMessage, ThinkingBlock, ToolCall, Usage, sendable
from aloop.text import clean_text


@dataclass(frozen=True, slots=True)
class SendRules:
    """The parts of earlier answers that may be sent back.

    ``refused`` holds the signatures of thinking that the server has refused before, ``refused_blocks`` the digests of
    refused provider blocks, and of the sources of refused images and documents. ``unsigned`` sends thinking without a
    signature too, which servers of other vendors' models want.
    """

    refused: Collection[str] = frozenset()
    refused_blocks: Collection[str] = frozenset()
    unsigned: bool = False


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A conversation as it is sent.

    ``dropped`` holds the signatures of thinking blocks that are left out because the history before them has changed.
    ``prefix`` covers everything in the request. ``provider_blocks`` are the digests of the provider blocks that are
    sent.
    """

    system: str
    turns: list[Block]
    tools: list[Block]
    prefix: PrefixDigest
    dropped: tuple[str, ...] = ()
    provider_blocks: frozenset[str] = frozenset()

    @property
    def signatures(self) -> frozenset[str]:
        """The signatures of all thinking blocks that are sent."""
        blocks = (block for turn in self.turns for block in turn["content"])
        return frozenset(_signature(block) for block in blocks if block["type"] in THINKING_TYPES)


def media_in(blocks: Iterable[Block]) -> frozenset[str]:
    """Return the digests of the sources of images and documents.

    Those in the results of tools are among them.
    """
    outer = list(blocks)
    nested = [inner for block in outer if isinstance(block.get("content"), list) for inner in block["content"]]
    return frozenset(
        digest_of(block["source"]) for block in (*outer, *nested) if block["type"] in ("image", "document")
    )


def to_request(
    messages: Iterable[LLMMessage], tools: Sequence[ToolSpec] = (), rules: SendRules | None = None
) -> WireRequest:
    """Return what to send; neighboring messages of one role become one turn."""
    rules = rules or SendRules()
    system: list[str] = []
    turns: list[_Turn] = []
    for message in messages:
        match message.role:
            case "system":
                system += [block["text"] for block in _text_blocks(message.content)]
            case "user":
                _append(turns, "user", [_Sent(block) for block in _content_blocks(message, rules)])
            case "tool":
                _append(turns, "user", [_Sent(block) for block in _result_blocks(message, rules)])
            case "assistant":
                _append(turns, "assistant", _assistant_blocks(message, rules))
    if turns and turns[-1][0] == "assistant":
        _strip_end(turns[-1][1])
    params = tool_params(tools)
    prefix = PrefixDigest("\n\n".join(system), params)
    dropped: list[str] = []
    sent: list[Block] = []
    own: set[str] = set()
    for role, blocks in turns:
        kept: list[Block] = []
        for block, thinking, own_block in blocks:
            if thinking is not None and thinking.prefix and prefix.digest_with(block) != thinking.prefix:
                dropped.append(_signature(block))
                continue
            prefix.add(role, block)
            kept.append(block)
            if own_block is not None:
                own.add(digest_of(own_block))
        if kept:
            sent.append({"role": role, "content": kept})
    return WireRequest("\n\n".join(system), sent, params, prefix, tuple(dropped), frozenset(own))


def bind_thinking(message: LLMMessage, request: WireRequest) -> LLMMessage:
    """Return the answer to ``request`` with prefix digests on its thinking."""
    prefix, bound = request.prefix.copy(), list[ThinkingBlock]()
    for part in parts_of(message):
        for block in _blocks_of(part, SendRules(unsigned=True)):
            if part.thinking is not None:
                bound.append(replace(part.thinking, prefix=prefix.digest_with(block)))
            prefix.add("assistant", block)
    return replace(message, thinking=tuple(bound)) if len(bound) == len(message.thinking) else message


def assistant_blocks(message: LLMMessage, rules: SendRules | None = None) -> list[Block]:
    """Return the blocks of one answer in the order in which the model wrote them."""
    return [sent.block for sent in _assistant_blocks(message, rules or SendRules())]


def to_message(
    blocks: Iterable[Mapping[str, Any]], *, model: str | None = None, usage: Usage | None = None
) -> LLMMessage:
    """Return the answer that ``blocks`` make.

    The ``input`` of a tool call may be an object or its JSON text.

    A call without an ID gets one, because its result must name it.
    """
    own = [dict(block) for block in blocks if isinstance(block.get("type"), str)]
    text = ""
    calls: list[ToolCall] = []
    thinking: list[ThinkingBlock] = []
    for block in own:
        match block.get("type"):
            case "text":
                text += clean_text(str(block.get("text") or ""))
            case "tool_use":
                # Some servers send calls without an ID.
                call_id = str(block.get("id") or "") or f"call_{uuid.uuid4().hex[:12]}"
                calls.append(ToolCall(call_id, str(block.get("name") or ""), _arguments(block.get("input"))))
            case "thinking" | "redacted_thinking":
                thinking.append(_thinking(block, len(text), len(calls)))
    layout, provider_blocks = describe(own)
    message = LLMMessage(
        "assistant",
        text or (None if calls else ""),
        tool_calls=tuple(calls),
        thinking=tuple(thinking),
        model=model,
        usage=usage,
    )
    if not provider_blocks and _without_empty(layout) == default_layout(message):
        return message
    return replace(message, layout=layout, blocks=provider_blocks)


def tool_params(tools: Sequence[ToolSpec]) -> list[Block]:
    """Return the tools in the format of the API."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)} for tool in tools
    ]


def input_object(arguments: str) -> Block:
    """Return the object in the JSON text ``arguments``, or an empty object."""
    try:
        value = json.loads(arguments)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    cleaned = clean_text(text)
    return value if cleaned == text else dict(json.loads(cleaned))


class _Sent(NamedTuple):
    """A block to send, and the record of the message that it comes from, if any."""

    block: Block
    thinking: ThinkingBlock | None = None
    provider_block: Block | None = None


_Turn = tuple[str, list[_Sent]]


def _assistant_blocks(message: LLMMessage, rules: SendRules) -> list[_Sent]:
    parts = (_without_refused(part, rules) for part in parts_of(message))
    blocks = [_Sent(block, part.thinking, part.block) for part in parts for block in _blocks_of(part, rules)]
    while blocks and blocks[-1].block["type"] in THINKING_TYPES:  # the API refuses an answer that ends in thinking
        blocks.pop()
    return blocks


def _without_refused(part: Part, rules: SendRules) -> Part:
    """Return ``part`` with its text or call only, if its provider block was refused."""
    is_refused = part.block is not None and rules.refused_blocks and digest_of(part.block) in rules.refused_blocks
    return part._replace(block=None) if is_refused else part


def _blocks_of(part: Part, rules: SendRules) -> list[Block]:
    """Return the block of ``part``, or nothing if it may not be sent."""
    if part.thinking is not None:
        return _thinking_blocks(part.thinking, rules)
    if part.call is not None:
        return [(part.block or {}) | _call_block(part.call)]
    if part.block is not None and (not part.text or part.block.get("text") == part.text):
        is_blank = part.block["type"] == "text" and not _shows(part.text)
        return [] if is_blank else [part.block]
    return _text_blocks(part.text)


def _shows(text: str | None) -> bool:
    return bool(text and text.strip())


def _without_empty(layout: str) -> str:
    """Return ``layout`` without empty texts."""
    return " ".join(word for word in layout.split() if word != "text:0")


def _append(turns: list[_Turn], role: str, blocks: list[_Sent]) -> None:
    if not blocks:
        return
    if not turns or turns[-1][0] != role:
        turns.append((role, blocks))
        return
    if role == "assistant":
        _strip_end(turns[-1][1])  # as when it was the end of the request that ``blocks`` answer
    turns[-1][1].extend(blocks)
    if role == "user":
        # A turn that answers tool calls must begin with the results.
        turns[-1][1].sort(key=lambda sent: sent.block["type"] != "tool_result")


def _strip_end(blocks: list[_Sent]) -> None:
    """Strip the end of an assistant turn that the model continues.

    The API rejects whitespace there.
    """
    last = blocks[-1]
    if last.block["type"] == "text":
        blocks[-1] = last._replace(block={**last.block, "text": last.block["text"].rstrip()})


def _text_blocks(text: str | None) -> list[Block]:
    return [{"type": "text", "text": text}] if _shows(text) else []


def _content_blocks(message: LLMMessage, rules: SendRules) -> list[Block]:
    """Return the text, with images and documents in their places.

    Those that were refused become words.
    """
    if not message.parts:
        return _text_blocks(message.content)
    blocks: list[Block] = []
    for each in split_content(message.content or "", message.parts):
        if isinstance(each, str):
            blocks += _text_blocks(each)
            continue
        source = sendable_source(each)
        if source is None or (rules.refused_blocks and digest_of(source) in rules.refused_blocks):
            blocks.append({"type": "text", "text": each.mark})
        else:
            is_document = source.get("media_type") == "application/pdf" or each.kind in ("document", "file")
            blocks.append({"type": "document" if is_document else "image", "source": source})
    return blocks


def _result_blocks(message: LLMMessage, rules: SendRules) -> list[Block]:
    if not message.tool_call_id:
        return _content_blocks(message, rules)
    block: Block = {"type": "tool_result", "tool_use_id": sendable(message.tool_call_id)}
    if _shows(message.content):
        block["content"] = message.content
    if message.parts:
        block["content"] = _content_blocks(message, rules)
    if message.is_error:
        block["is_error"] = True
        block.setdefault("content", NO_REASON)
    return [block]


def _call_block(call: ToolCall) -> Block:
    return {
        "type": "tool_use",
        "id": sendable(call.id),
        "name": sendable(call.name),
        "input": input_object(call.arguments),
    }


def _thinking_blocks(thinking: ThinkingBlock, rules: SendRules) -> list[Block]:
    block: Block
    if thinking.redacted:
        block = {"type": "redacted_thinking", "data": thinking.redacted}
    elif thinking.signature or (rules.unsigned and _shows(thinking.thinking)):
        block = {"type": "thinking", "thinking": thinking.thinking, "signature": thinking.signature}
    else:
        return []  # cut off before it was signed; the API would refuse it
    return [] if _signature(block) in rules.refused else [block]


def _signature(block: Mapping[str, Any]) -> str:
    return str(block.get("signature") or block.get("data") or "")


def _thinking(block: Mapping[str, Any], after_chars: int, after_calls: int) -> ThinkingBlock:
    return ThinkingBlock(
        thinking=clean_text(str(block.get("thinking") or "")),
        signature=str(block.get("signature") or ""),
        redacted=str(block.get("data") or ""),
        after_chars=after_chars,
        after_calls=after_calls,
    )


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return normal_json(value) if value.strip() else "{}"
    return json.dumps(value or {}, ensure_ascii=False)
