"""Cline and Roo: messages in the format of Anthropic's API or of the AI SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.plain import anthropic
from aloop.importers.source import Source, json_below
from aloop.importers.values import items, joined, mapping, moment, objects, text

TOOL = "cline"
_ERRORS = ('{"status":"error"', "The tool execution failed")
"""Starts of results of calls that failed, for which Roo has no other mark."""


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
    _describe(builder.imported, path)
    builder.imported.updated_at = moment(around.get("updated_at"))
    markers = {text(each.get(key)) for each in messages for key in ("condenseId", "truncationId") if each.get(key)}
    thoughts: list[dict[str, Any]] = []
    for message in messages:
        if message.get("type") == "reasoning" and "role" not in message:
            words = joined(text(part.get("text")) for part in objects(message.get("summary")))
            thoughts.append({**message, "text": words or message.get("text")})
            continue
        if thoughts and message.get("role") == "assistant":
            message = {**message, "content": [*thoughts, *_as_parts(message.get("content"))]}
            thoughts = []
        start = len(builder.drafts)
        anthropic.add_messages(builder, [message], builder.imported.model)
        hidden = {text(message.get("condenseParent")), text(message.get("truncationParent"))} & markers
        for draft in builder.drafts[start:]:
            draft.skip = bool(hidden)
            draft.is_error |= draft.role == "tool" and draft.content.startswith(_ERRORS)
            draft.summary = message.get("isSummary") is True
            draft.foreign["reasoning_details"] = message.get("reasoning_details")
    yield builder.build()


def described(path: Path) -> Imported:
    """Return the task of a file without its messages."""
    imported = Imported(TOOL, path.parent.name, (), path=path)
    _describe(imported, path)
    return imported


def _as_parts(content: object) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else items(content)


def _describe(imported: Imported, path: Path | None) -> None:
    """Set the title, folder and model from the files beside the messages."""
    if path is None:
        return
    if path.name.endswith(".messages.json"):
        meta = mapping(json_below(path.parent, path.with_name(path.name.replace(".messages.json", ".json"))))
        imported.cwd, imported.model = text(meta.get("cwd")), text(meta.get("model")) or None
        imported.title = text(mapping(meta.get("metadata")).get("title"))
        imported.created_at = moment(meta.get("started_at"))
        return
    # Roo describes each task in a file of its folder, Cline all of them in one file.
    meta = mapping(json_below(path.parent, path.with_name("history_item.json")))
    if not meta and path.parent.parent.name == "tasks":
        root = path.parents[2]
        known = objects(json_below(root, root / "state" / "taskHistory.json"))
        meta = next((each for each in known if text(each.get("id")) == path.parent.name), {})
    imported.title = text(meta.get("task"))
    folder = meta.get("workspace") or meta.get("cwdOnTaskInitialization") or meta.get("shadowGitConfigWorkTree")
    imported.cwd, imported.model = text(folder), text(meta.get("modelId")) or None
