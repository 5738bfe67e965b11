"""Crush: a database in the project's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aloop.importers.databases.sqlite import loaded, opened, rows
from aloop.importers.draft import Builder, Draft, Imported
from aloop.importers.source import Source
from aloop.importers.values import arguments_text, mapping, moment, objects, text

TOOL = "crush"


def read(source: Source) -> Iterator[Imported]:
    """Yield each session."""
    with opened(source.file) as connection:
        for session in list(rows(source, connection, "SELECT * FROM sessions ORDER BY created_at, id")):
            builder = Builder(TOOL, text(session["id"]), source.path)
            imported = builder.imported
            imported.title, imported.parent = text(session.get("title")), text(session.get("parent_session_id"))
            imported.kind = "subagent" if imported.parent else "session"
            imported.created_at, imported.updated_at = (
                moment(session.get("created_at")),
                moment(session.get("updated_at")),
            )
            imported.cwd = str(source.file.absolute().parents[1]) if source.file.parent.name == ".crush" else ""
            query = "SELECT * FROM messages WHERE session_id = ? ORDER BY created_at, rowid"
            for row in rows(source, connection, query, session["id"]):
                _add(builder, row)
            if not builder.is_empty:
                yield builder.build()


def _add(builder: Builder, row: Mapping[str, Any]) -> None:
    role, at = text(row.get("role")), moment(row.get("created_at"))
    summary = bool(row.get("is_summary_message"))
    is_answer = role == "assistant"
    draft = builder.answer(at, model=text(row.get("model")) or None) if is_answer else Draft("user", at)
    draft.summary = summary
    for part in objects(loaded(row.get("parts"))):
        kind, data = text(part.get("type")), mapping(part.get("data"))
        if kind == "text":
            draft.add_text(text(data.get("text")))
        elif kind == "reasoning":
            draft.add_thinking(text(data.get("thinking")))
            draft.foreign["signature"] = data.get("signature")
        elif kind == "tool_call":
            draft.add_call(
                text(data.get("id")) or builder.new_id(), text(data.get("name")), arguments_text(data.get("input"))
            )
        elif kind == "tool_result":
            call_id, failed = text(data.get("tool_call_id")), data.get("is_error") is True
            builder.result(call_id, text(data.get("content")), at, name=text(data.get("name")) or None, is_error=failed)
        elif kind == "finish":
            draft.interrupted = data.get("reason") == "canceled"
        elif kind == "binary":
            media_type = text(data.get("MIMEType") or data.get("mime_type"))
            draft.add_text(builder.image(media_type, text(data.get("Data") or data.get("data"))))
        elif kind == "image_url":
            draft.add_text(f"[image: {text(data.get('url'))}]")
    if not is_answer and draft.text:
        builder.user(draft.text, at, summary=summary)
