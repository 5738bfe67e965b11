"""Crush: a database in the project's folder."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from aloop.importers.databases.sqlite import WANTED, loaded, opened, rows
from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.values import arguments_text, joined, mapping, moment, objects, text
from aloop.memory.origin import INJECTED

TOOL = "crush"
_ENDINGS = {"max_tokens": "max_tokens", "content_filter": "refusal"}


def read(source: Source) -> Iterator[Imported]:
    """Yield each session."""
    with opened(source.file) as connection:
        query = f"SELECT * FROM sessions WHERE {WANTED} ORDER BY created_at, id"  # noqa: S608 - of constants
        for session in list(rows(source, connection, query, source.session)):
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
                # Older versions record the summary only in the session.
                is_summary = bool(row.get("is_summary_message")) or row["id"] == session.get("summary_message_id")
                _add(builder, row, is_summary=is_summary)
            if not builder.is_empty:
                yield builder.build()


def _add(builder: Builder, row: Mapping[str, Any], *, is_summary: bool) -> None:
    role, at = text(row.get("role")), moment(row.get("created_at"))
    is_answer = role == "assistant"
    draft = builder.answer(at, model=text(row.get("model")) or None) if is_answer else Draft("user", at)
    draft.summary = is_summary
    draft.foreign["provider"] = row.get("provider")
    for part in objects(loaded(row.get("parts"))):
        data = mapping(part.get("data"))
        if part.get("type") == "tool_result":
            call_id, failed = text(data.get("tool_call_id")), data.get("is_error") is True
            words = joined((text(data.get("content")), _media(builder, data)))
            builder.result(call_id, words, at, name=text(data.get("name")) or None, is_error=failed)
        else:
            _add_part(builder, draft, text(part.get("type")), data)
    if not is_answer and draft.content:
        builder.user(draft.content, at, summary=is_summary, foreign=draft.foreign)


def _add_part(builder: Builder, draft: Draft, kind: str, data: Mapping[str, Any]) -> None:
    match kind:
        case "text":
            draft.add_text(text(data.get("text")))
            if data.get("hidden") is True:  # a request to continue that Crush wrote
                draft.foreign[INJECTED] = True
        case "reasoning":
            draft.add_thinking(text(data.get("thinking")))
            draft.foreign |= {key: data[key] for key in ("signature", "thought_signature") if data.get(key)}
        case "tool_call":
            call_id = text(data.get("id")) or builder.new_id()
            draft.add_call(call_id, text(data.get("name")), arguments_text(data.get("input")))
        case "shell_command":
            # In the words in which Crush sends it.
            output = text(data.get("output")).rstrip("\n")
            draft.add_text(f"$ {text(data.get('command'))}\n{output}\n(exit code {text(data.get('exit_code'))})")
        case "finish":
            reason = text(data.get("reason"))
            draft.interrupted = reason == "canceled"
            draft.stop_reason = _ENDINGS.get(reason)
            draft.foreign["error"] = joined((text(data.get("message")), text(data.get("details"))), ": ")
        case "binary":
            draft.add_text(_media(builder, data))
        case "image_url":
            draft.add_text(f"[image: {text(data.get('url'))}]")
        case _:
            builder.lose("message parts of unknown types")


def _media(builder: Builder, data: Mapping[str, Any]) -> str:
    """Return the mark of an image or file, or the text of a text file."""
    media_type = text(data.get("MIMEType") or data.get("mime_type"))
    content = text(data.get("Data") or data.get("data"))
    if not content:
        return ""
    if not media_type.startswith("text/"):
        return builder.image(media_type, content)
    try:
        words = base64.b64decode(content).decode("utf-8", "replace")
    except ValueError:
        words = content
    return f'<file path="{text(data.get("Path"))}">\n{words}\n</file>'
