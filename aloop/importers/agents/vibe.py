"""Mistral Vibe: messages in OpenAI's format, with a description beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aloop.importers.draft import Builder, Imported
from aloop.importers.plain import openai
from aloop.importers.source import Source, read_below
from aloop.importers.values import mapping, moment, objects, text

TOOL = "mistral-vibe"


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file."""
    if source.is_lines and source.name == "messages.jsonl":
        meta, messages = _meta(source), list(source.lines())
    else:
        document = mapping(source.document())
        meta, messages = mapping(document.get("metadata")), objects(document.get("messages"))
    folder = source.path.parent.name if source.path else ""
    builder = Builder(TOOL, text(meta.get("session_id")) or folder or openai.made_id(messages), source.path)
    imported = builder.imported
    imported.title, imported.model = text(meta.get("title")), text(meta.get("model")) or None
    imported.cwd = text(mapping(meta.get("environment")).get("working_directory"))
    imported.created_at, imported.updated_at = moment(meta.get("start_time")), moment(meta.get("end_time"))
    if parent := text(meta.get("parent_session_id")):
        imported.parent, imported.kind = parent, "branch"
    prompt = meta.get("system_prompt")
    if words := text(mapping(prompt).get("content")) or text(prompt):
        builder.system(words)
    openai.add_messages(builder, messages, imported.model)
    if messages:
        yield builder.build()


def _meta(source: Source) -> Mapping[str, Any]:
    if source.path is None:
        return {}
    try:
        return mapping(json.loads(read_below(source.path.parent, source.path.with_name("meta.json"))))
    except (OSError, ValueError, RecursionError):
        return {}
