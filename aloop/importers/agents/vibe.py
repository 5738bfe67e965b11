"""Mistral Vibe: a store of snapshots, or in older versions a list of messages."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.importers.blocks import content_text, texts_of
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.places import as_noted
from aloop.importers.plain import openai
from aloop.importers.source import Source, json_below
from aloop.importers.values import arguments_text, items, mapping, moment, objects, text

TOOL = "mistral-vibe"
_ERROR = "<tool_error>"
"""The start of the result of a call that failed."""
CURRENT = "CURRENT"
"""The file of a store that names its snapshot."""


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file."""
    if source.name == CURRENT:
        yield from _read_store(source)
        return
    if source.is_lines and source.name == "messages.jsonl":
        meta, messages = _meta(source), list(source.lines())
    else:
        document = mapping(source.document())
        meta, messages = mapping(document.get("metadata")), objects(document.get("messages"))
    folder = source.path.parent.name if source.path else ""
    builder = openai.new_builder(TOOL, text(meta.get("session_id")) or folder, messages, source.path)
    _describe(builder.imported, meta)
    prompt = meta.get("system_prompt")
    if words := text(mapping(prompt).get("content")) or text(prompt):
        builder.system(words)
    openai.add_messages(builder, messages, builder.imported.model)
    for draft in builder.drafts:
        draft.is_error = draft.role == "tool" and draft.content.startswith(_ERROR)
    if messages:
        yield builder.build()


def _describe(imported: Imported, meta: Mapping[str, Any]) -> None:
    imported.title = text(meta.get("title"))
    imported.model = text(meta.get("model") or mapping(meta.get("config")).get("model_name")) or None
    imported.cwd = text(mapping(meta.get("environment")).get("working_directory"))
    imported.created_at, imported.updated_at = moment(meta.get("start_time")), moment(meta.get("end_time"))
    if parent := text(meta.get("parent_session_id")):
        imported.parent, imported.kind = parent, "branch"


def _meta(source: Source) -> Mapping[str, Any]:
    if source.path is None:
        return {}
    return mapping(json_below(source.path.parent, source.path.with_name("meta.json")))


def may_be_in(path: Path, folder: Path) -> bool:
    """Return False if the notes beside a session name another folder."""
    meta = mapping(json_below(path.parent, path.with_name("meta.json")))
    place = text(mapping(meta.get("environment")).get("working_directory"))
    return place in ("", as_noted(folder))


def _read_store(source: Source) -> Iterator[Imported]:
    """Yield the session of a store, from the snapshot that ``CURRENT`` names.

    A snapshot lists chunks of messages in the order in which the model saw them.
    """
    current = mapping(source.document())
    folder, generation = source.file.parent, text(current.get("generation"))
    manifest = mapping(json_below(folder, folder.joinpath("generations", generation, "manifest.json")))
    builder = Builder(TOOL, text(current.get("session_id")), source.path)
    _describe(builder.imported, mapping(json_below(folder, folder.joinpath("meta.json"))))
    checkpoint = mapping(json_below(folder, folder.joinpath("generations", generation, "checkpoint.json")))
    times = _times(objects(_chunks(folder, manifest, "projection_state")))
    entries = [*_chunks(folder, manifest, "checkpoint"), *items(mapping(checkpoint.get("context")).get("messages"))]
    for entry in objects(entries):
        message = mapping(entry.get("message"))
        moments = times[_words(message)]
        _add(builder, message, moments.popleft() if moments else None)
    if not builder.is_empty:
        yield builder.build()


def _chunks(folder: Path, manifest: Mapping[str, Any], key: str) -> list[Any]:
    names = items(mapping(manifest.get(key)).get("chunks"))
    return [
        value for name in names for value in items(json_below(folder, folder.joinpath("chunks", f"{text(name)}.json")))
    ]


def _times(entries: Iterable[Mapping[str, Any]]) -> defaultdict[tuple[str, str], deque[datetime | None]]:
    """Return the times of messages by their role and text; they are stored apart."""
    found: defaultdict[tuple[str, str], deque[datetime | None]] = defaultdict(deque)
    for entry in entries:
        if entry.get("type") == "message":
            found[_words(entry)].append(moment(entry.get("createdAt")))
    return found


def _words(message: Mapping[str, Any]) -> tuple[str, str]:
    return text(message.get("role")), texts_of(message.get("content"))


def _add(builder: Builder, message: Mapping[str, Any], at: datetime | None) -> None:
    role, content = text(message.get("role")), message.get("content")
    if role == "assistant":
        draft = builder.answer(at, model=builder.imported.model)
        for part in objects(content):
            if part.get("type") == "reasoning":
                draft.add_thinking(texts_of(part.get("content")))
            elif part.get("type") == "tool_call":
                arguments = mapping(part.get("arguments"))
                call_id = text(part.get("id")) or builder.new_id()
                raw = arguments_text(arguments.get("raw") or arguments.get("value"))
                draft.add_call(call_id, text(part.get("name")), raw)
            else:
                draft.add_text(content_text(builder, [part]))
    elif role == "tool":
        failed = message.get("outcome") == "failure"
        words, name = content_text(builder, content), text(message.get("name")) or None
        builder.result(text(message.get("tool_call_id")), words, at, name=name, is_error=failed)
    elif role == "system":
        builder.system(content_text(builder, content), at)
    else:
        builder.user(content_text(builder, content), at)
