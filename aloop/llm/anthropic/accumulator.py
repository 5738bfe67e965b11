"""Put the events of one streamed answer together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from aloop.errors import StreamBroken
from aloop.llm.anthropic.wire import to_message
from aloop.llm.base import ModelNote, Reply, SourceMarker, StopReason, TextDelta, ThinkingDelta
from aloop.llm.json_values import is_json_text
from aloop.llm.layout import Block, SourceNumbers
from aloop.llm.message_types import Usage
from aloop.text import clean_text

Shown = TextDelta | SourceMarker | ThinkingDelta | ModelNote

RESTARTED = "The server started its answer again. The text above is not part of the session."

_STOP_REASONS = get_args(StopReason)
# Servers that translate another API let its words through.
_SYNONYMS = {"tool_calls": "tool_use", "function_call": "tool_use", "stop": "end_turn", "length": "max_tokens"}
_USAGE_FIELDS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_creation_input_tokens": "cache_creation_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "ephemeral_1h_input_tokens": "cache_creation_1h_tokens",
    "web_search_requests": "web_searches",
}
MOST_TOKENS = 1_000_000_000
"""More than any model can take or give; a larger count is an error of the server."""
_DELTA_TYPES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}


class Accumulator:
    """Takes the events of the API in order and holds the answer so far.

    The JSON of a tool call is kept as text, even if it cannot be parsed, so that the model can be told what was wrong
    with it. Events of unknown types are ignored, as the API asks; blocks of unknown types are kept.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._blocks: dict[object, Block] = {}
        self._last: object = None
        self._sources = SourceNumbers()
        self._marked: set[object] = set()
        self._counts: dict[str, int] = {}
        self._stop_reason: str | None = None
        self._detail = ""
        self._recommended = ""
        self._model = ""
        self._has_begun = False
        self._has_shown = False

    def feed(self, event: Mapping[str, Any]) -> Shown | None:
        """Take one event and return the part of it to show at once."""
        shown: Shown | None = None
        match event.get("type"):
            case "message_start":
                shown = self._start_message(_mapping(event.get("message")))
            case "content_block_start":
                shown = self._start_block(event.get("index"), _mapping(event.get("content_block")))
            case "content_block_delta":
                shown = self._extend(event.get("index"), _mapping(event.get("delta")))
            case "content_block_stop":
                shown = self._mark(event.get("index"))
            case "message_delta":
                self._stop(_mapping(event.get("delta")))
                self._count(_mapping(event.get("usage")))
            case "message_stop":
                self._stop_reason = self._stop_reason or "end_turn"
        self._has_shown = self._has_shown or isinstance(shown, TextDelta)
        return shown

    def sources(self) -> str:
        """Return the sources that the answer cites as a numbered list, or an empty text."""
        for block in self._blocks.values():  # including those whose end the server did not report
            self._sources.markers(block)
        lines = self._sources.lines()
        return "\n".join(["Sources:", *lines]) if lines else ""

    def reply(self, model: str) -> Reply:
        """Return the whole answer; ``model`` is the one that was asked.

        Raises StreamBroken if the stream ended before the answer did.
        """
        if self._stop_reason is None:
            raise StreamBroken("The answer ended before it was complete. Send the message again.")
        usage = Usage(**{name: self._counts[key] for key, name in _USAGE_FIELDS.items() if key in self._counts})
        message = to_message(map(_finished, self._blocks.values()), model=self._model or model, usage=usage)
        reason = _SYNONYMS.get(self._stop_reason, self._stop_reason)
        if message.tool_calls and reason == "end_turn":
            reason = "tool_use"  # a server that ends a turn with calls in it wants them run
        known = reason in _STOP_REASONS
        return Reply(
            message=message,
            # An unknown reason ends the turn: its tool calls are not run on a guess.
            stop_reason=cast("StopReason", reason if known else "end_turn"),
            usage=usage,
            detail=self._detail or ("" if known else f"stop reason {reason!r}"),
            recommended_model=self._recommended,
        )

    def _start_message(self, message: Mapping[str, Any]) -> Shown | None:
        had_begun, had_shown = self._has_begun, self._has_shown
        if had_begun:
            self._begin()
        self._has_begun = True
        model = message.get("model")
        self._model = model if isinstance(model, str) else ""
        self._count(_mapping(message.get("usage")))
        return ModelNote(RESTARTED) if had_begun and had_shown else None

    def _start_block(self, index: object, block: Mapping[str, Any]) -> Shown | None:
        if index is None or not isinstance(index, int):
            index = len(self._blocks)
        while index in self._blocks:  # a server that counts wrongly
            index = (index, "again")
        self._last = index
        held = self._blocks[index] = dict(block)
        match held.get("type"):
            case "text":
                return _shown(TextDelta, held.get("text"))
            case "thinking":
                return _shown(ThinkingDelta, held.get("thinking"))
        return None

    def _extend(self, index: object, delta: Mapping[str, Any]) -> Shown | None:
        kind = delta.get("type")
        if index not in self._blocks:
            index = self._last if index is None else index
        elif (index, "again") in self._blocks:
            index = self._last
        if index not in self._blocks:
            self._last = index
        held = self._blocks.setdefault(index, {"type": _DELTA_TYPES.get(str(kind), "text")})
        match kind:
            case "text_delta":
                return _shown(TextDelta, _grow(held, "text", delta.get("text")))
            case "thinking_delta":
                return _shown(ThinkingDelta, _grow(held, "thinking", delta.get("thinking")))
            case "signature_delta":
                held["signature"] = delta.get("signature")
            case "input_json_delta":
                piece = delta.get("partial_json")
                # Some servers send the arguments as an object.
                _grow(held, "partial_json", json.dumps(piece) if isinstance(piece, Mapping) else piece)
            case "citations_delta":
                held["citations"] = [*(held.get("citations") or ()), delta.get("citation")]
            case _:
                for key in delta.keys() - {"type"}:
                    held[key] = _joined(held.get(key), delta[key])
        return None

    def _mark(self, index: object) -> Shown | None:
        """Return the markers of the block that has ended, once."""
        index = self._last if index not in self._blocks or (index, "again") in self._blocks else index
        if index not in self._blocks or index in self._marked:
            return None
        self._marked.add(index)
        markers = self._sources.markers(self._blocks[index])
        return SourceMarker(markers) if markers else None

    def _stop(self, delta: Mapping[str, Any]) -> None:
        reason = delta.get("stop_reason")
        self._stop_reason = reason if isinstance(reason, str) and reason else self._stop_reason
        details = _mapping(delta.get("stop_details"))
        parts = (details.get("category"), details.get("explanation"))
        self._detail = ": ".join(part for part in parts if isinstance(part, str) and part) or self._detail
        recommended = details.get("recommended_model")
        self._recommended = recommended if isinstance(recommended, str) else self._recommended

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Record counts.

        Later ones are totals and replace earlier ones, and nonsense is ignored.
        """
        flat = {**usage, **_mapping(usage.get("cache_creation")), **_mapping(usage.get("server_tool_use"))}
        for key in _USAGE_FIELDS:
            count = flat.get(key)
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_TOKENS:
                self._counts[key] = count


def _finished(block: Block) -> Block:
    """Return a block whose streamed JSON has become its ``input``."""
    if "partial_json" not in block:
        return block
    finished = dict(block)
    streamed = str(finished.pop("partial_json"))
    given = finished.get("input")
    if finished.get("type") != "tool_use":
        finished["input"] = _parsed(streamed) if streamed.strip() else given or {}
    elif streamed.strip() and (not given or is_json_text(streamed)):
        finished["input"] = streamed
    return finished


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _joined(before: object, after: object) -> object:
    """Return a field of an unknown delta joined to its value so far."""
    if isinstance(before, str) and isinstance(after, str):
        return before + after
    if isinstance(before, list) and isinstance(after, list):
        return before + after
    return after


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _grow(block: Block, key: str, piece: object) -> str:
    text = piece if isinstance(piece, str) else ""
    block[key] = f"{block.get(key) or ''}{text}"
    return text


def _shown(kind: type[TextDelta] | type[ThinkingDelta], text: object) -> TextDelta | ThinkingDelta | None:
    return kind(clean_text(text)) if isinstance(text, str) and text else None
