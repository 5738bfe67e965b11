"""Messages in the format of Anthropic's API: a request, or a list of its messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aloop.importers.blocks import add_answer_blocks, add_user_content, content_text, usage_of
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.plain.fields import keep_fields, lose_fields
from aloop.importers.plain.openai import AROUND, new_builder, source_of, without_origin
from aloop.importers.source import Source
from aloop.importers.values import mapping, moment, objects, text

TOOL = "anthropic"
_FIELDS = frozenset({"role", "content", "ts", "timestamp", "model", "modelInfo", "usage", "reasoning_content"})


def read(source: Source) -> Iterator[Imported]:
    """Yield each conversation."""
    for value in source.lines() if source.is_lines else source.elements():
        if messages := objects(mapping(value).get("messages")):
            yield build(source.path, messages, mapping(value))
    if source.loose:
        yield build(source.path, source.loose, {})


def build(path: Path | None, messages: Sequence[Mapping[str, Any]], around: Mapping[str, Any]) -> Imported:
    """Return a conversation; ``around`` is the request with the list."""
    builder = new_builder(TOOL, text(around.get("id")), messages, path, source_of(around))
    builder.imported.model = text(around.get("model")) or None
    builder.imported.title = text(around.get("title"))
    if system := content_text(builder, around.get("system")):
        builder.system(system).skip = False
    add_messages(builder, messages, builder.imported.model)
    lose_fields(builder, without_origin(around), AROUND.union(("messages", "system")))
    return builder.build()


def add_messages(builder: Builder, messages: Sequence[Mapping[str, Any]], model: str | None) -> None:
    """Append messages in Anthropic's format."""
    for message in messages:
        start = len(builder.drafts)
        at = moment(message.get("ts") or message.get("timestamp"))
        if message.get("role") == "assistant":
            own = text(mapping(message.get("modelInfo")).get("id")) or text(message.get("model")) or model
            draft = builder.answer(at, model=own, separator="")
            draft.add_thinking(text(message.get("reasoning_content")))
            add_answer_blocks(builder, draft, message.get("content"), at)
            draft.usage = usage_of(message.get("usage"))
        elif message.get("role") == "system":
            builder.system(content_text(builder, message.get("content")), at).skip = False
        else:
            add_user_content(builder, message.get("content"), at)
        is_known = message.get("role") in ("", None, "user", "assistant", "system")
        keep_fields(builder, start, message, _FIELDS if is_known else _FIELDS - {"role"})
