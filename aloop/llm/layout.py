"""The order of the content blocks of one answer, kept beside the readable message.

A message stores its text, tool calls and thinking apart from each other. Most answers consist of thinking, text and
calls in that order, and need nothing more. For any other order the message has a ``layout``: one word per block.

======================  =============================================================================
``thinking``            the next thinking block
``text:N``              the next N characters of the content
``call``                the next tool call
``block``               the next provider block: a type that aloop does not model, stored as JSON
``block:N``             a provider block that also shows the next N characters of the content
``block:call``          a provider block that is also the next tool call
======================  =============================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall
from aloop.text import clean_text

Block = dict[str, Any]

THINKING_TYPES = ("thinking", "redacted_thinking")
_TEXT_KEYS = {"type", "text"}
_CALL_KEYS = {"type", "id", "name", "input"}
_DIRECT_CALLER = {"type": "direct"}  # the default, which the API adds to each call


class Part(NamedTuple):
    """One block of an answer: text, a call or thinking, and its provider block."""

    text: str = ""
    call: ToolCall | None = None
    thinking: ThinkingBlock | None = None
    block: Block | None = None


def parts_of(message: LLMMessage) -> list[Part]:
    """Return the blocks of ``message`` in the order in which the model wrote them.

    A layout that does not fit the message, because someone edited the text or removed a call, is ignored; then its
    provider blocks are left out.
    """
    if message.layout or message.blocks:
        laid_out = _follow(message)
        if laid_out is not None:
            return laid_out
    return list(_default_order(message))


def fits(message: LLMMessage) -> bool:
    """Return True if the message has no layout, or one that still describes it."""
    return not (message.layout or message.blocks) or _follow(message) is not None


def without_thinking(message: LLMMessage) -> LLMMessage:
    """Return ``message`` without its thinking, with a layout of the rest."""
    words = (word for word in message.layout.split() if word != "thinking")
    return replace(message, thinking=(), layout=" ".join(words))


def describe(blocks: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the layout of an answer and its provider blocks as JSON, in order."""
    words: list[str] = []
    kept: list[str] = []
    for block in blocks:
        match block.get("type"):
            case "text":
                text = clean_text(str(block.get("text") or ""))
                has_more = any(value for key, value in block.items() if key not in _TEXT_KEYS)
                words.append(f"block:{len(text)}" if has_more else f"text:{len(text)}")
            case "tool_use":
                more = {key: value for key, value in block.items() if key not in _CALL_KEYS and value}
                has_more = bool(more) and more != {"caller": _DIRECT_CALLER}
                words.append("block:call" if has_more else "call")
            case "thinking" | "redacted_thinking":
                words.append("thinking")
            case _:
                words.append("block")
        if words[-1].startswith("block"):
            kept.append(json.dumps(block, ensure_ascii=False, separators=(", ", ": ")))
    return " ".join(words), tuple(kept)


class SourceNumbers:
    """The sources that an answer cites, numbered in the order of their first use."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def markers(self, block: Mapping[str, Any]) -> str:
        """Return the numbers of the sources that ``block`` cites, such as "[1][3]"."""
        numbers = (self._numbers.setdefault(source, len(self._numbers) + 1) for source in _cited(block))
        return "".join(f"[{number}]" for number in dict.fromkeys(numbers))

    def lines(self) -> list[str]:
        """Return one line for each source so far."""
        return [f"[{number}] {source}" for source, number in self._numbers.items()]


def text_with_sources(message: LLMMessage) -> str:
    """Return the text of an answer with a marker such as [1] after each cited part.

    The numbered sources are below it. A message that cites nothing keeps its text.
    """
    if not message.blocks:
        return message.content or ""
    numbers = SourceNumbers()
    text = "".join(part.text + numbers.markers(part.block or {}) for part in parts_of(message))
    if not numbers.lines():
        return message.content or ""
    sources = "\n".join(f"- {line}" for line in numbers.lines())
    return f"{text.rstrip()}\n\nSources:\n\n{sources}"


def _cited(block: Mapping[str, Any]) -> Iterator[str]:
    for citation in block.get("citations") or () if block.get("type") == "text" else ():
        if isinstance(citation, Mapping):
            title = citation.get("title") or citation.get("document_title") or citation.get("source")
            parts = [" ".join(str(part).split()) for part in (title, citation.get("url")) if part]
            yield clean_text(" - ".join(parts)) or "document"


def default_layout(message: LLMMessage) -> str:
    """Return the layout that a message without one has."""
    words = {True: "call", False: "thinking"}
    return " ".join(
        f"text:{len(part.text)}" if part.text else words[part.call is not None] for part in _default_order(message)
    )


def _default_order(message: LLMMessage) -> Iterator[Part]:
    """Yield thinking at its recorded place.

    Between two thinking blocks, text comes before calls.
    """
    text, calls = message.content or "", message.tool_calls
    chars = called = 0
    for thinking in message.thinking:
        text_end, calls_end = max(chars, thinking.after_chars), max(called, thinking.after_calls)
        if text[chars:text_end]:
            yield Part(text=text[chars:text_end])
        yield from (Part(call=call) for call in calls[called:calls_end])
        yield Part(thinking=thinking)
        chars, called = text_end, calls_end
    if text[chars:]:
        yield Part(text=text[chars:])
    yield from (Part(call=call) for call in calls[called:])


def _follow(message: LLMMessage) -> list[Part] | None:
    """Return the parts in the order of the layout, or None if it does not fit."""
    text, calls, thinking = message.content or "", list(message.tool_calls), list(message.thinking)
    blocks, parts, chars = list(message.blocks), list[Part](), 0
    for word in message.layout.split():
        kind, _, detail = word.partition(":")
        count = int(detail) if detail.isdecimal() and len(detail) < 10 else 0
        piece, chars = text[chars : chars + count], chars + count
        block = _parsed(blocks.pop(0)) if kind == "block" and blocks else None
        if kind == "block" and block is None:
            return None
        takes_call = word in ("call", "block:call")
        if (takes_call and not calls) or (word == "thinking" and not thinking):
            return None
        if not takes_call and word not in ("thinking", "block") and not (kind in ("text", "block") and count):
            if word != "text:0":
                return None
            continue
        parts.append(
            Part(
                piece,
                calls.pop(0) if takes_call else None,
                thinking.pop(0) if word == "thinking" else None,
                block,
            )
        )
    return None if chars != len(text) or calls or thinking or blocks else parts


@lru_cache(maxsize=512)
def _parsed(text: str) -> Block | None:
    """Return the block in ``text``, which must not be changed; None if it is not one.

    Cached, because each request needs all blocks of the history twice: to check that they fit, and to send them.
    """
    try:
        block = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return block if isinstance(block, dict) and isinstance(block.get("type"), str) else None
