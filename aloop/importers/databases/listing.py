"""The newest sessions in the databases of other tools, without their messages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from aloop.export.tools.opencode import SLUG
from aloop.importers.databases.sqlite import opened
from aloop.importers.imported import Imported
from aloop.importers.places import as_noted
from aloop.importers.values import moment, text

_TIMEOUT = 0.1
"""Seconds to wait for a database that another program has locked: a picker cannot wait."""
_QUERIES = {
    "opencode": (
        "SELECT * FROM session WHERE directory = :folder AND parent_id IS NULL"
        " AND EXISTS (SELECT 1 FROM message WHERE session_id = session.id) ORDER BY time_updated DESC LIMIT :limit"
    ),
    "goose": (
        "SELECT * FROM sessions WHERE working_dir = :folder"
        " AND EXISTS (SELECT 1 FROM messages WHERE session_id = sessions.id) ORDER BY updated_at DESC LIMIT :limit"
    ),
    "crush": (
        "SELECT * FROM sessions WHERE parent_session_id IS NULL"
        " AND EXISTS (SELECT 1 FROM messages WHERE session_id = sessions.id) ORDER BY updated_at DESC LIMIT :limit"
    ),
}
_QUERIES_OF_LLM = {
    "threads": (
        "SELECT id, name, datetime_utc AS updated_at FROM threads WHERE tip_message_hash != ''"
        " ORDER BY updated_at DESC LIMIT :limit"
    ),
    "responses": (
        "SELECT coalesce(conversation_id, min(id)) AS id, max(datetime_utc) AS updated_at FROM responses"
        " GROUP BY conversation_id ORDER BY updated_at DESC LIMIT :limit"
    ),
}
"""By the table: a database may have both layouts. It records no folder."""


def newest(tool: str, path: Path, folder: Path, limit: int) -> Iterator[Imported]:
    """Yield the newest sessions for ``folder``; raises StorageError, sqlite3.Error."""
    values = {"folder": as_noted(folder), "limit": limit}
    with opened(path, _TIMEOUT) as connection:
        queries = _queries_of_llm(connection) if tool == "llm" else [_QUERIES[tool]]
        found = [row for query in queries for row in connection.execute(query, values).fetchall()]
    for row in map(dict, found):
        if row.get("session_type") in ("sub_agent", "hidden"):
            continue
        imported = Imported(tool, text(row["id"]), (), path=path, cwd=str(folder))
        imported.title = text(row.get("title") or row.get("name") or row.get("description"))
        imported.updated_at = moment(row.get("time_updated") or row.get("updated_at"))
        slug = text(row.get("slug"))
        imported.exported_from = slug.removeprefix(SLUG) if slug.startswith(SLUG) else ""
        yield imported


def _queries_of_llm(connection: sqlite3.Connection) -> list[str]:
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [query for table, query in _QUERIES_OF_LLM.items() if table in tables]
