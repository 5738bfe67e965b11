"""Messages in OpenAI's chat format: a list, a request, or JSON Lines."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from aloop.export.json import METADATA
from aloop.importers.blocks import content_text
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.plain.fields import keep_fields, lose_fields
from aloop.importers.source import Source
from aloop.importers.values import arguments_text, mapping, moment, number, objects, text
from aloop.llm.message_types import Usage

TOOL = "openai"
AROUND = frozenset({"id", "model", "title"})
"""The fields beside a list of messages that are read."""
_FIRST, _LONGEST = 2, 50
"""Messages of which an ID is made, at least, and at most unless it is made of all."""
_FIELDS = frozenset({"role", "content", "timestamp", "created_at", "injected"})
_ANSWER_FIELDS = frozenset(
    {*_FIELDS, "tool_calls", "function_call", "model", "usage", "reasoning_content", "reasoning", "refusal"}
)
_RESULT_FIELDS = frozenset({*_FIELDS, "tool_call_id", "name"})
_LISTS = ("messages", "chosen_messages", "rejected_messages", "chosen", "rejected")


def read(source: Source) -> Iterator[Imported]:
    """Yield each conversation."""
    for value in source.lines() if source.is_lines else source.elements():
        for part, messages in _conversations(value):
            imported = build(source.path, messages, mapping(value))
            imported.branch = part
            if messages:
                yield imported
    loose = source.loose
    if loose:
        yield build(source.path, loose, {})


def _conversations(value: object) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for key in _LISTS:
        found = objects(mapping(value).get(key))
        if found and "role" in found[0]:
            yield ("" if key == "messages" else key), found


def build(path: Path | None, messages: Sequence[Mapping[str, Any]], around: Mapping[str, Any]) -> Imported:
    """Return a conversation; ``around`` is the object with the list."""
    builder = new_builder(TOOL, text(around.get("id")), messages, path, source_of(around))
    builder.imported.model = text(around.get("model")) or None
    builder.imported.title = text(around.get("title"))
    builder.imported.created_at = moment(around.get("created") or around.get("created_at"))
    add_messages(builder, messages, builder.imported.model)
    lose_fields(builder, without_origin(around), AROUND.union(_LISTS, ("created", "created_at")))
    return builder.build()


def source_of(document: Mapping[str, Any]) -> str:
    """Return the ID of the session that a document is an export of, or an empty text."""
    return text(mapping(document.get("metadata")).get(METADATA))


def without_origin(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document without the ID of the session that it is an export of."""
    metadata = mapping(document.get("metadata"))
    rest = {key: value for key, value in metadata.items() if key != METADATA}
    return {**document, "metadata": rest} if metadata else document


def new_builder(
    tool: str, own_id: str, messages: Sequence[Mapping[str, Any]], path: Path | None, source: str = ""
) -> Builder:
    """Return a builder; the ID is ``own_id``, or else made of ``messages``.

    An export without an ID gets the one of its ``source``, since other sessions, such as forks, may start the same.
    """
    builder = Builder(tool, own_id or source or next(_made_ids(messages), ""), path)
    builder.imported.exported_from = source
    if not own_id:
        if source:
            builder.imported.other_ids = lambda: _ids_of_export(source, messages)
        else:
            builder.imported.other_ids = lambda: islice(_made_ids(messages), 1, None)
        if len(messages) > 1:
            builder.imported.single_id = lambda: next(_made_ids(messages[:1]))
    return builder


def _ids_of_export(source: str, messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the other IDs of an export, the last of which earlier versions made."""
    yield from (f"{source}:{made}" for made in _made_ids(messages))
    yield from _made_ids(messages)


def _made_ids(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield IDs made of more and more of the first messages."""
    digest = hashlib.sha256(b"[")
    for count, message in enumerate(messages, 1):
        text = json.dumps(message, sort_keys=True, ensure_ascii=False)
        digest.update(f"{', ' if count > 1 else ''}{text}".encode("utf-8", "replace"))
        if _FIRST <= count < _LONGEST or count == len(messages):
            whole = digest.copy()
            whole.update(b"]")
            yield whole.hexdigest()[:32]


def add_messages(builder: Builder, messages: Sequence[Mapping[str, Any]], model: str | None) -> None:
    """Append messages in OpenAI's format."""
    waiting: deque[str] = deque()
    for message in messages:
        start = len(builder.drafts)
        role, at = text(message.get("role")), moment(message.get("timestamp") or message.get("created_at"))
        words = content_text(builder, message.get("content"))
        if role in ("system", "developer"):
            builder.system(words, at).skip = False
            keep_fields(builder, start, message, _FIELDS)
        elif role in ("tool", "function"):
            call_id = text(message.get("tool_call_id")) or (waiting.popleft() if waiting else "")
            builder.result(call_id, words, at, name=text(message.get("name")) or None)
            keep_fields(builder, start, message, _RESULT_FIELDS)
        elif role == "assistant":
            _answer(builder, message, words, at, model, waiting)
            keep_fields(builder, start, message, _ANSWER_FIELDS)
        else:
            builder.user(words, at, skip=message.get("injected") is True)
            keep_fields(builder, start, message, _FIELDS - {"role"} if role not in ("", "user") else _FIELDS)


def _answer(
    builder: Builder,
    message: Mapping[str, Any],
    words: str,
    at: datetime | None,
    model: str | None,
    waiting: deque[str],
) -> None:
    draft = builder.answer(at, model=text(message.get("model")) or model)
    draft.add_thinking(text(message.get("reasoning_content") or message.get("reasoning")))
    refusal = text(message.get("refusal"))
    draft.add_text(words or refusal or text(mapping(message.get("audio")).get("transcript")))
    if refusal:
        draft.foreign["refusal"] = refusal if words else True
    calls = objects(message.get("tool_calls"))
    old = mapping(message.get("function_call"))
    for call in [*calls, *([{"function": old}] if old else [])]:
        call_id = text(call.get("id"))
        if not call_id:
            call_id = builder.new_id()
            waiting.append(call_id)
        function = mapping(call.get("function")) or mapping(call.get("custom")) or call
        arguments = function.get("arguments", function.get("input"))
        draft.add_call(call_id, text(function.get("name")), arguments_text(arguments))
    usage = mapping(message.get("usage"))
    if usage:
        draft.usage = Usage(number(usage.get("prompt_tokens")), number(usage.get("completion_tokens")))
    if sealed := message.get("reasoning_signature"):
        draft.foreign["reasoning_signature"] = sealed
