"""The parts of a scripted answer and the events that they become."""

from __future__ import annotations

import json
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.stub.transcript import Thought, thought_of

WAIT = 60.0
"""Seconds until a test gives up waiting; a passing test never waits that long."""


class Gate:
    """Pauses the stream until the test opens it."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let the stream continue."""
        self._opened.set()

    def reach(self) -> None:
        """Mark the gate as reached; called by the server."""
        self._reached.set()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def is_reached(self) -> bool:
        """Return True if everything before the gate has been sent."""
        return self._reached.is_set()

    def wait_until_reached(self) -> None:
        """Block until everything before the gate has been sent."""
        if not self._reached.wait(WAIT):
            raise TimeoutError("the stream never reached the gate")


class PingingGate(Gate):
    """A gate that sends pings while it is closed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, ready to send."""

    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The stream ends here without its last events, in valid HTTP."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed here, in the middle of the HTTP body."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset here."""


Step = Event | Gate | Cut | Drop | Reset


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping event."""

    def steps(self) -> Iterator[Step]:
        yield Event("ping", '{"type": "ping"}')


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An error event that ends the stream."""

    kind: str = "overloaded_error"
    message: str = "Overloaded"

    def steps(self) -> Iterator[Step]:
        yield _event("error", error={"type": self.kind, "message": self.message})
        yield Cut()


@dataclass(frozen=True, slots=True)
class Raw:
    """Any event, valid or not."""

    name: str
    data: str

    def steps(self) -> Iterator[Step]:
        yield Event(self.name, self.data)


Piece = str | Gate | Cut | Drop | Reset | Ping | ErrorEvent | Raw


class Block(ABC):
    """A part of an answer that becomes one content block."""

    @abstractmethod
    def start(self, call_id: str) -> dict[str, Any]:
        """Return the block for content_block_start; ``call_id`` is an unused ID."""

    @abstractmethod
    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        """Yield the deltas as mappings, and other pieces between them."""


class Text(Block):
    """Text, sent word by word, with gates, pings and failures between strings."""

    def __init__(self, *pieces: Piece) -> None:
        self._pieces = pieces

    def start(self, call_id: str) -> dict[str, Any]:
        return {"type": "text", "text": ""}

    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        for piece in self._pieces:
            if isinstance(piece, str):
                for word in re.findall(r"\S+\s*|\s+", piece):
                    yield {"type": "text_delta", "text": word}
            else:
                yield piece


class Cited(Block):
    """Text with the sources that it cites, each a citation of the API."""

    def __init__(self, text: str, *citations: Mapping[str, Any]) -> None:
        self._text = text
        self._citations = citations

    def start(self, call_id: str) -> dict[str, Any]:
        return {"type": "text", "text": "", "citations": []}

    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        yield {"type": "text_delta", "text": self._text}
        for citation in self._citations:
            yield {"type": "citations_delta", "citation": dict(citation)}


class Foreign(Block):
    """A block of any type, such as the result of a search by the server."""

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._block = dict(block)

    def start(self, call_id: str) -> dict[str, Any]:
        return self._block

    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        return iter(())


class Thinking(Block):
    """Thinking with a signature; an empty one leaves the block unsigned."""

    def __init__(self, *pieces: Piece, signature: str = "c2lnbmVk") -> None:
        self._pieces = pieces
        self._signature = signature

    def start(self, call_id: str) -> dict[str, Any]:
        return {"type": "thinking", "thinking": "", "signature": ""}

    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        for piece in self._pieces:
            yield {"type": "thinking_delta", "thinking": piece} if isinstance(piece, str) else piece
        if self._signature:
            yield {"type": "signature_delta", "signature": self._signature}

    def whole(self, call_id: str) -> dict[str, Any]:
        """Return the block as it is sent back."""
        thinking = "".join(piece for piece in self._pieces if isinstance(piece, str))
        return self.start(call_id) | {"thinking": thinking, "signature": self._signature}


class Redacted(Block):
    """Redacted thinking."""

    def __init__(self, data: str) -> None:
        self._data = data

    def start(self, call_id: str) -> dict[str, Any]:
        return {"type": "redacted_thinking", "data": self._data}

    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        yield from ()


class ToolUse(Block):
    """A tool call; ``arguments`` given as text are sent unchanged."""

    def __init__(
        self, name: str, arguments: Mapping[str, Any] | str, *between: Piece, call_id: str | None = None
    ) -> None:
        self._name = name
        self._json = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        self._between = between
        self._id = call_id

    def start(self, call_id: str) -> dict[str, Any]:
        return {"type": "tool_use", "id": self._id or call_id, "name": self._name, "input": {}}

    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        half = len(self._json) // 2
        yield {"type": "input_json_delta", "partial_json": ""}
        yield {"type": "input_json_delta", "partial_json": self._json[:half]}
        yield from self._between
        yield {"type": "input_json_delta", "partial_json": self._json[half:]}


def _is_start(part: Raw) -> bool:
    return part.name == "content_block_start" and '"content_block": {"type"' in part.data


class Answer:
    """One answer; the default stop reason is tool_use with calls, else end_turn."""

    def __init__(
        self,
        *parts: Block | Piece,
        stop_reason: str | None = None,
        stop_details: Mapping[str, Any] | None = None,
        usage: Mapping[str, int] | None = None,
    ) -> None:
        self._parts = [Text(part) if isinstance(part, str) else part for part in parts]
        calls = any(isinstance(part, ToolUse) for part in parts)
        self._stop_reason = stop_reason or ("tool_use" if calls else "end_turn")
        self._stop_details = stop_details
        self._usage = {"input_tokens": 10, "output_tokens": 5} | dict(usage or {})

    def thoughts(self, model: str) -> set[Thought]:
        """Return the thinking blocks of this answer, as they must be sent back."""
        return {
            thought_of(part.whole("") if isinstance(part, Thinking) else part.start(""), model)
            for part in self._parts
            if isinstance(part, Thinking | Redacted)
        }

    def blocks(self, number: int) -> list[dict[str, Any]]:
        """Return the blocks of the answer to request ``number``, as sent back."""
        blocks: list[dict[str, Any]] = []
        for part in self._parts:
            if isinstance(part, Block):
                block = dict(part.start(f"toolu_stub_{number}_{len(blocks)}"))
                pieces = [piece for piece in part.pieces() if isinstance(piece, dict)]
                for key in ("text", "thinking", "signature", "partial_json"):
                    if joined := "".join(piece[key] for piece in pieces if key in piece):
                        block[key] = joined
                if citations := [piece["citation"] for piece in pieces if "citation" in piece]:
                    block["citations"] = citations
                if "partial_json" in block:
                    block["input"] = json.loads(block.pop("partial_json"))
                blocks.append(block)
        return blocks

    def foreign_types(self) -> set[str]:
        """Return the types of content blocks that are foreign or started with raw events."""
        events = [json.loads(part.data) for part in self._parts if isinstance(part, Raw) and _is_start(part)]
        blocks = [part.start("") for part in self._parts if isinstance(part, Foreign)]
        return {block["type"] for block in (*blocks, *(event["content_block"] for event in events))}

    def steps(self, number: int, model: str) -> Iterator[Step]:
        """Yield the events of the answer to request ``number``."""
        message = {"id": f"msg_stub_{number}", "type": "message", "role": "assistant", "model": model, "content": []}
        ends = {"stop_reason": None, "stop_sequence": None, "usage": self._usage | {"output_tokens": 1}}
        yield _event("message_start", message=message | ends)
        yield from Ping().steps()
        index = 0
        for part in self._parts:
            if isinstance(part, Block):
                yield from _block_steps(part, index, f"toolu_stub_{number}_{index}")
                index += 1
            else:
                yield from _piece_steps(part)
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None, "stop_details": self._stop_details}
        yield _event("message_delta", delta=delta, usage=self._usage)
        yield _event("message_stop")


def _block_steps(block: Block, index: int, call_id: str) -> Iterator[Step]:
    yield _event("content_block_start", index=index, content_block=block.start(call_id))
    for piece in block.pieces():
        if isinstance(piece, dict):
            yield _event("content_block_delta", index=index, delta=piece)
        else:
            yield from _piece_steps(piece)
    yield _event("content_block_stop", index=index)


def _piece_steps(piece: Piece) -> Iterator[Step]:
    if isinstance(piece, Gate | Cut | Drop | Reset):
        yield piece
    elif not isinstance(piece, str):
        yield from piece.steps()


def _event(kind: str, **fields: Any) -> Event:
    return Event(kind, json.dumps({"type": kind} | fields, ensure_ascii=False))
