"""Puts the events of one streamed answer together again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from aloop.errors import StreamBroken
from aloop.llm.base import Reply, StopReason, TextDelta, ThinkingDelta
from aloop.llm.blocks import Block, to_message
from aloop.llm.message_types import Usage, clean_text

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
