"""Stored sessions as plain lines for a person. Pure; what control characters the texts hold is still in the lines."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

from aloop.errors import SHORT_ID
from aloop.llm.message_types import LLMMessage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.passage import Mark
from aloop.memory.search import Hit
from aloop.memory.session import lies_ahead
from aloop.memory.trash import TrashedSession
from aloop.memory.twins import short_name_of
from aloop.sessions_usage import model_rows, usage_text
from aloop.visible import visible

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
    if lies_ahead(moment):
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


def quantity(count: int, noun: str) -> str:
    """Return ``count`` with its noun: ``1 session``, ``2,000 sessions``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


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
