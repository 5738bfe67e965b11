"""The rules of the API for a conversation; the stub answers violations with 400."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

_WORD = re.compile(r"[a-zA-Z0-9_-]+")
_THOUGHTS = ("thinking", "redacted_thinking")

Thought = tuple[str, str, str]
"""The model, the text or opaque data, and the signature of a thinking block."""


def complaint(messages: Any, model: str, thoughts: Collection[Thought], foreign: Collection[str] = ()) -> str | None:
    """Return the first violation in ``messages``, or None.

    ``thoughts`` are all thinking blocks that the stub has sent.
    """
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    return next(_complaints(messages, model, thoughts, foreign), None)


def thought_of(block: dict[str, Any], model: str) -> Thought:
    return model, str(block.get("thinking") or block.get("data") or ""), str(block.get("signature") or "")


def _complaints(
    messages: list[dict[str, Any]], model: str, thoughts: Collection[Thought], foreign: Collection[str]
) -> Iterator[str]:
    called: set[str] = set()
    pending: list[str] = []
    expected = "user"
    for place, message in enumerate(messages):
        if message["role"] != expected:
            yield f"messages.{place}: roles must alternate, expected {expected}"
        expected = "assistant" if message["role"] == "user" else "user"
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            yield f"messages.{place}: content is empty"
        for block in blocks:
            yield from _in_block(place, block, message["role"], foreign)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(pending):
            yield f"messages.{place}: tool_result for {results}, where {pending} were called"
        if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
            yield f"messages.{place}: tool_result blocks must come first"
        pending = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(pending)) < len(pending) or called & set(pending):
            yield f"messages.{place}: tool_use ids must be unique"
        called |= set(pending)
        if blocks and blocks[-1]["type"] in _THOUGHTS:
            yield f"messages.{place}: the final block of an answer may not be thinking"
        for block in blocks:
            if block["type"] in _THOUGHTS and thought_of(block, model) not in thoughts:
                yield f"messages.{place}: invalid signature in a {block['type']} block"
    if pending:
        yield f"tool_use ids were found without tool_result blocks: {pending}"
    last = messages[-1]
    if last["role"] == "assistant" and isinstance(last["content"], list):
        text = last["content"][-1].get("text", "")
        if text != text.rstrip():
            yield "the final assistant message must not end with trailing whitespace"


def _in_block(place: int, block: dict[str, Any], role: str, foreign: Collection[str]) -> Iterator[str]:
    kind = block["type"]
    asked, answered = ("text", "tool_result", "image", "document"), ("text", "tool_use", *_THOUGHTS, *foreign)
    if kind not in (asked if role == "user" else answered):
        yield f"messages.{place}: a {kind} block cannot be sent by the {role}"
    if kind == "text" and not block["text"].strip():
        yield f"messages.{place}: text must hold more than whitespace"
    if kind == "tool_use":
        if not (_WORD.fullmatch(block["id"]) and _WORD.fullmatch(block["name"])):
            yield f"messages.{place}: the id or name of a tool_use block has characters that it may not have"
        if not isinstance(block["input"], dict):
            yield f"messages.{place}: the input of a tool_use block must be an object"
    if kind == "tool_result" and block.get("is_error") and not block.get("content"):
        yield f"messages.{place}: a tool_result that is an error must have content"
