"""Stored sessions as JSON, a record a line: ASCII only, so that no locale and no terminal can garble it.

Times are ISO 8601 with their zone; messages have the shape they have in session.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.findings import Finding
from aloop.memory.records import message_record
from aloop.memory.search import Hit
from aloop.memory.trash import TrashedSession


def json_line(record: Mapping[str, Any]) -> str:
    """Return ``record`` as one line; what JSON has no type for (times, paths) as text."""
    return json.dumps(record, default=_as_text).replace("\x7f", "\\u007f")  # DEL is the one control that JSON leaves


def summary_record(summary: SessionSummary) -> dict[str, Any]:
    return asdict(summary) | {"is_in_future": summary.is_in_future}


def trashed_record(session: TrashedSession) -> dict[str, Any]:
    """Return the session's row, with when it was deleted and how many bytes it takes."""
    return asdict(session.summary) | {"deleted_at": session.deleted_at, "size": session.size}


def finding_record(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def hit_record(hit: Hit) -> dict[str, Any]:
    """Return a match with its session's id, time and title; ``message`` counts from 1, and is 0 for the title."""
    record = asdict(hit)
    session: dict[str, Any] = record.pop("session")
    return session | record


def session_record(session: Session, *, messages: bool) -> dict[str, Any]:
    """Return the session's header and, where asked for, its messages, the system's apart."""
    record = {field.name: getattr(session, field.name) for field in fields(session)}
    system, conversation = record.pop("system_messages"), record.pop("messages")
    record["message_count"] = len(conversation)
    if messages:
        record["system_messages"] = [message_record(message) for message in system]
        record["messages"] = [message_record(message) for message in conversation]
    return record


def stats_record(stats: SessionStats) -> dict[str, Any]:
    record = {field.name: getattr(stats, field.name) for field in fields(stats)}
    counts = {name: dict(record[name]) for name in ("messages_by_role", "tool_calls")}
    by_model = {model: asdict(usage) for model, usage in stats.usage_by_model.items()}
    return record | counts | {"usage": asdict(stats.usage), "usage_by_model": by_model}


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
