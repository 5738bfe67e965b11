"""Cline and Roo: messages in the format of Anthropic's API, with times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aloop.importers.draft import Builder, Imported
from aloop.importers.plain import anthropic
from aloop.importers.source import Source, read_below
from aloop.importers.values import mapping, moment, objects, text

TOOL = "cline"


def read(source: Source) -> Iterator[Imported]:
    """Yield the task of a file."""
    document = source.document()
    around = mapping(document)
    messages = objects(document) or objects(around.get("messages"))
    if not messages:
        return
    path = source.path
    foreign_id = text(around.get("sessionId")) or (path.parent.name if path else "") or "unnamed"
    builder = Builder(TOOL, foreign_id, path)
    meta = _meta(path)
    imported = builder.imported
    imported.cwd, imported.model = text(meta.get("cwd")), text(meta.get("model")) or None
    imported.title = text(mapping(meta.get("metadata")).get("title"))
    imported.created_at, imported.updated_at = moment(meta.get("started_at")), moment(around.get("updated_at"))
    markers = {text(each.get(key)) for each in messages for key in ("condenseId", "truncationId") if each.get(key)}
    for message in messages:
        start = len(builder.drafts)
        anthropic.add_messages(builder, [message], imported.model)
        hidden = {text(message.get("condenseParent")), text(message.get("truncationParent"))} & markers
        for draft in builder.drafts[start:]:
            draft.skip = bool(hidden)
            draft.summary = message.get("isSummary") is True
    yield builder.build()


def _meta(path: Path | None) -> Mapping[str, Any]:
    """Return the description of a session, which is in a file beside it."""
    if path is None or not path.name.endswith(".messages.json"):
        return {}
    try:
        return mapping(
            json.loads(read_below(path.parent, path.with_name(path.name.replace(".messages.json", ".json"))))
        )
    except (OSError, ValueError, RecursionError):
        return {}
