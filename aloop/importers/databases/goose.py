"""goose: a database of sessions, or in older versions a file for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from aloop.importers.blocks import content_text
from aloop.importers.databases.sqlite import SQLITE, WANTED, loaded, opened, rows
from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.values import arguments_text, json_text, mapping, moment, objects, text

TOOL = "goose"
_NOTES = ("toolConfirmationRequest", "actionRequired", "systemNotification", "conversationCompacted")
_CONTEXT = "<turn-context>"
"""The start of a message in which goose 1.52 gives the model the time and the folder."""


def read(source: Source) -> Iterator[Imported]:
    """Yield each session."""
    if not source.head.startswith(SQLITE):
        lines = source.lines()
        meta = next(lines, {})
        if "role" in meta:  # an old file without a description
            lines = chain([meta], lines)
        builder = Builder(TOOL, source.path.stem if source.path else "unnamed", source.path)
        builder.imported.title, builder.imported.cwd = text(meta.get("description")), text(meta.get("working_dir"))
        for line in lines:
            _add(builder, text(line.get("role")), line.get("content"), moment(line.get("created")), line)
        if not builder.is_empty:
            yield builder.build()
        return
    with opened(source.file) as connection:
        query = f"SELECT * FROM sessions WHERE {WANTED} ORDER BY created_at, id"  # noqa: S608 - of constants
        for session in list(rows(source, connection, query, source.session)):
            builder = Builder(TOOL, text(session["id"]), source.path)
            imported = builder.imported
            imported.title = text(session.get("name") or session.get("description"))
            imported.cwd = text(session.get("working_dir"))
            imported.kind = "subagent" if session.get("session_type") in ("sub_agent", "hidden") else "session"
            imported.created_at = moment(session.get("created_at"))
            imported.model = text(mapping(loaded(session.get("model_config_json"))).get("model_name")) or None
            # Not by time: a summary is made after the question that follows it.
            query = "SELECT * FROM messages WHERE session_id = ? ORDER BY id"
            for row in rows(source, connection, query, session["id"]):
                facts = mapping(loaded(row.get("metadata_json")))
                _add(
                    builder,
                    text(row.get("role")),
                    loaded(row.get("content_json")),
                    moment(row.get("created_timestamp")),
                    facts,
                )
            if not builder.is_empty:
                yield builder.build()


def _add(builder: Builder, role: str, content: object, at: datetime | None, facts: Mapping[str, Any]) -> None:
    facts = mapping(facts.get("metadata")) or facts
    skip = facts.get("agentVisible") is False
    draft = builder.answer(at, model=builder.imported.model, skip=skip) if role == "assistant" else Draft("user", at)
    for part in objects(content):
        kind = part.get("type")
        if kind in ("toolRequest", "frontendToolRequest"):
            call = mapping(mapping(part.get("toolCall")).get("value")) or mapping(part.get("toolCall"))
            if error := text(call.get("error")):
                draft.foreign.setdefault("errors", []).append(error)
            call_id = text(part.get("id")) or builder.new_id()
            draft.add_call(call_id, text(call.get("name")) or "unknown", arguments_text(call.get("arguments")))
        elif kind == "toolResponse":
            words, failed = _result(builder, mapping(part.get("toolResult")))
            builder.result(text(part.get("id")), words, at, is_error=failed, skip=skip)
        elif kind == "thinking":
            draft.add_thinking(text(part.get("thinking")))
            draft.foreign["signature"] = part.get("signature")
        elif kind == "redactedThinking":
            draft.foreign.setdefault("redacted_thinking", []).append(part.get("data"))
        elif kind in _NOTES:
            builder.lose("questions and notices of the program")
        else:
            draft.add_text(content_text(builder, [part]))
    if role != "assistant" and draft.content:
        words = draft.content
        is_inserted = words.startswith(_CONTEXT) and words.rstrip().endswith(_CONTEXT.replace("<", "</"))
        is_hidden = facts.get("userVisible") is False and not (skip or is_inserted)
        # A summary hides all messages before it from the model.
        is_summary = is_hidden and bool(builder.drafts) and all(each.skip for each in builder.drafts)
        builder.user(words, at, skip=skip or is_inserted, summary=is_summary)


def _result(builder: Builder, result: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the text of a result, and True if the tool failed."""
    if result.get("status") == "error":
        return text(result.get("error")) or json_text(result.get("error")), True
    value = result.get("value")
    if isinstance(value, Mapping):
        return content_text(builder, value.get("content")), value.get("isError") is True
    return content_text(builder, value), False
