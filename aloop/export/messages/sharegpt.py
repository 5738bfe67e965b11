"""A conversation in the format of ShareGPT data sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from aloop.export.base import Document, count_failures, count_named, never
from aloop.export.json import json_document
from aloop.export.tools.target import input_of
from aloop.export.transcript import transcript
from aloop.llm.content.parts import marked_text
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session

_AUTHORS = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}


def to_sharegpt(session: Session) -> Document:
    """Return a list with one conversation."""
    found = transcript(session, with_system=True)
    sent = [entry.message for entry in found.entries]
    messages = (*session.system_messages, *_in_order_of_calls(sent))
    turns = [{"from": author, "value": value} for message in messages for author, value in _turns(message)]
    return Document(
        (json_document([{"id": session.id, "conversations": turns}]),),
        found.left_out + count_named(sent, never) + count_failures(sent),
        found.is_empty,
    )


def _in_order_of_calls(messages: Sequence[LLMMessage]) -> Iterator[LLMMessage]:
    """Yield messages with the results of each answer in the order of its calls.

    The format has no IDs, so that readers pair calls and results by their order.
    """
    places: dict[str | None, int] = {}
    results: list[LLMMessage] = []
    for message in messages:
        if message.role == "tool":
            results.append(message)
            continue
        yield from sorted(results, key=lambda result: places.get(result.tool_call_id, len(places)))
        results, places = [], {call.id: place for place, call in enumerate(message.tool_calls)}
        yield message
    yield from sorted(results, key=lambda result: places.get(result.tool_call_id, len(places)))


def _turns(message: LLMMessage) -> Iterator[tuple[str, str]]:
    if message.content or message.parts or not message.tool_calls:
        yield _AUTHORS[message.role], marked_text(message.content, message.parts)
    calls = [{"name": call.name, "arguments": input_of(call.arguments)} for call in message.tool_calls]
    if calls:
        yield "function_call", json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
