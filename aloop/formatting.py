"""Stored sessions as plain lines for a person. Pure; what control characters the texts hold is still in the lines.

Stored sessions as JSON, a record a line: ASCII only, so that no locale and no terminal can garble it.

Times are ISO 8601 with their zone; messages have the shape they have in session.yaml.

Tokens and time in words, for the command line and the prompt alike.
"""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from aloop.errors import SHORT_ID
from aloop.llm.message_types import LLMMessage, Usage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.codec.emitter import message_record
from aloop.memory.search.query import Mark
from aloop.memory.search.search import Hit
from aloop.memory.session import is_in_future
from aloop.memory.sessions_dir.catalog import short_name_of
from aloop.memory.sessions_dir.check import Finding
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.sanitize import visible
from aloop.text import quantity


def usage_text(usage: Usage) -> str:
    """Return what was sent, how much of it came from the cache, what came back and how long that took; empty for none.

    The share is that of the whole input which the API had in its cache, and which costs a fraction.
    """
    if not usage.sent_tokens and not usage.output_tokens:
        return ""
    cached = f" ({usage.cached_share:.0%} from the cache)" if usage.cache_read_tokens else ""
    time = f", {duration_text(usage.duration_ms)}" if usage.duration_ms else ""
    return f"{usage.sent_tokens:,} in{cached}, {usage.output_tokens:,} out{time}"


def model_rows(usages: Mapping[str, Usage]) -> Iterator[str]:
    """Yield a text for each model, where there is more than one to tell apart."""
    if len(usages) > 1:
        yield from (f"{model}: {usage_text(usage) or 'no tokens counted'}" for model, usage in usages.items())


def duration_text(milliseconds: int) -> str:
    """Return a time of waiting for answers, as exactly as a person cares."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


_INDENT = " " * 4


def list_lines(rows: Iterable[SessionSummary], width: int | None) -> Iterator[str]:
    """Yield a heading and a line for each row, cut to ``width`` columns unless that is None.

    What is wrong with a session is never cut: the end of it is the line and column to look at.
    """
    yield _row("ID", "UPDATED", "MESSAGES", "TITLE")
    for row in rows:
        yield _summary_line(row, row.updated_at, width)


def trash_lines(sessions: Iterable[TrashedSession], width: int | None) -> Iterator[str]:
    """Yield a heading and a line for each deleted session, as ``list_lines`` does."""
    yield _row("ID", "DELETED", "MESSAGES", "TITLE")
    for session in sessions:
        yield _summary_line(session.summary, session.deleted_at, width)


def _summary_line(row: SessionSummary, moment: datetime, width: int | None) -> str:
    if row.problem is not None:
        return _row(row.id[:SHORT_ID], format_time(moment), "?", row.problem)
    title = _one_line(row.title)
    if is_in_future(moment):
        title = f"(dated in the future) {title}"
    line = _row(row.id[:SHORT_ID], format_time(moment), str(row.message_count), title)
    return line if width is None else cut(line, width)


def _row(identity: str, when: str, count: str, title: str) -> str:
    return f"{identity:{SHORT_ID}}  {when:16}  {count:>8}  {title}"


def describe(row: SessionSummary) -> str:
    """Name a session so that its owner knows it, also when its file can not be read."""
    short = short_name_of(row.id, row.path.parent.name)
    if row.problem is not None:
        return f"session {short}, which can not be opened ({row.problem})"
    return f"session {short}, “{row.title}”, {quantity(row.message_count, 'message')}"


def hit_session_line(hit: Hit) -> str:
    """Name the session of a match; one that can not be read with the reason."""
    session = hit.session
    return f"{session.id[:SHORT_ID]}  {format_time(session.updated_at)}  {hit.problem or _one_line(session.title)}"


def hit_line(hit: Hit) -> tuple[str, tuple[Mark, ...]]:
    """Return the line of a match, number and role before it, and where in it the marks are."""
    lead = f"{f'#{hit.message}' if hit.message else '':>8}  {hit.role:<9}  "
    return lead + hit.context, tuple((start + len(lead), end + len(lead)) for start, end in hit.marks)


def show_lines(session: Session) -> Iterator[str]:
    """Yield what is known of a session, without its messages."""
    yield from _table(
        ("id", session.id),
        ("title", session.title),
        ("created", format_time(session.created_at)),
        ("updated", format_time(session.updated_at)),
        ("messages", f"{len(session.messages):,}"),
        ("model", session.model or ""),
        ("forked from", session.forked_from or ""),
        ("path", str(session.path)),
    )


def message_lines(message: LLMMessage) -> Iterator[str]:
    """Yield a heading and the indented message: no text in it can pass for the heading of another."""
    marks = [name for name in ("interrupted", "skip", "summary") if getattr(message, name)]
    if message.is_error:
        marks.append("failed")
    heading = message.role if message.name is None else f"{message.role} {message.name}"
    yield f"{heading} ({', '.join(marks)})" if marks else heading
    for line in (message.content or "").splitlines():
        yield _INDENT + line
    for call in message.tool_calls:
        yield f"{_INDENT}→ {call.name} {call.arguments}"


def stats_lines(stats: SessionStats) -> Iterator[str]:
    """Yield the counts of a session, those that are nothing left out."""
    yield from _table(
        ("id", stats.id),
        ("created", format_time(stats.created_at)),
        ("updated", format_time(stats.updated_at)),
        ("messages", f"{stats.message_count:,}{_details(stats.messages_by_role.items())}"),
        ("tool calls", f"{sum(stats.tool_calls.values()):,}{_details(stats.tool_calls.items())}"),
        ("tokens", usage_text(stats.usage)),
        *(("  by model", row) for row in model_rows(stats.usage_by_model)),
        ("size", f"{stats.size:,} bytes"),
        ("path", str(stats.path)),
    )


def format_time(moment: datetime) -> str:
    """Return ``moment`` in local time, to the minute."""
    # Year 1 or 9999, typed by hand, may lie outside the calendar in the zone we are in: it is shown as it stands.
    with contextlib.suppress(OverflowError, ValueError):
        moment = moment.astimezone()
    return f"{moment:%Y-%m-%d %H:%M}"


def cut(text: str, width: int) -> str:
    """Return ``text``, made visible, in at most ``width`` terminal columns; an ellipsis stands where it was cut."""
    text = visible(text)
    columns, kept = 0, 0
    for end, character in enumerate(text):
        columns += _columns(character)
        if columns > width:
            return text[:kept].rstrip() + "…"
        if columns < width:
            kept = end + 1
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _table(*rows: tuple[str, str]) -> Iterator[str]:
    for name, value in rows:
        if value:
            yield f"{name:<11}  {value}"


def _details(counts: Iterable[tuple[str, int]]) -> str:
    parts = [f"{name} {count:,}" for name, count in counts if count]
    return f" ({', '.join(parts)})" if parts else ""


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
