"""Sessions, search results and counts as lines of text, or as records for JSON.

Lines of text may still contain control characters. In records, messages have the same keys as in session.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.errors import SHORT_ID
from aloop.export.facts import message_facts
from aloop.export.markdown import format_marks
from aloop.formatting import display_path, duration_text, format_time, quantity
from aloop.importers.formats import LABEL_CELLS, label_of, mark_of
from aloop.llm.content.parts import marked_text
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, Usage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.annotations import note_of
from aloop.memory.codec.message_record import message_record
from aloop.memory.search.query import Mark
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionTitle, is_in_future
from aloop.memory.sessions_dir.catalog import short_name_of
from aloop.memory.sessions_dir.ids import shown_id
from aloop.memory.sessions_dir.registry import project_of
from aloop.memory.sessions_dir.text_check import Finding
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.sanitize import visible
from aloop.width import fit, pad, text_width

_INDENT = " " * 4
NO_TITLE = "(no title)"
"""The title shown for a session that has none."""


def usage_text(usage: Usage) -> str:
    """Return the tokens in and out, the share read from the cache, and the time.

    The share is that of all input. The text is empty if no tokens were counted.
    """
    if not usage.sent_tokens and not usage.output_tokens:
        return ""
    cached = f" ({usage.cached_share:.0%} from the cache)" if usage.cache_read_tokens else ""
    time = f", {duration_text(usage.duration_ms)}" if usage.duration_ms else ""
    return f"{usage.sent_tokens:,} in{cached}, {usage.output_tokens:,} out{time}"


def changed_text(stats: SessionStats) -> str:
    """Return the number of files that tools have changed, empty if none."""
    return f"{quantity(stats.changed_files, 'file')} changed" if stats.changed_files else ""


def cost_text(stats: SessionStats, month: Cost) -> str:
    """Return the cost of the session, its last turn and the month.

    The text is empty if no tokens were counted.
    """
    cost = stats.cost
    if cost is None or stats.turn_cost is None or not usage_text(stats.usage):
        return ""
    text = f"{cost} for this session, {stats.turn_cost} for the last turn, {month} this month"
    unknown = ", ".join(cost.unknown_models)
    return f"{text} (no price for {unknown})" if unknown else text


def model_rows(usages: Mapping[str, Usage]) -> Iterator[str]:
    """Yield the usage of each model, if there are several."""
    if len(usages) > 1:
        yield from (f"{model}: {usage_text(usage) or 'no tokens counted'}" for model, usage in usages.items())


def describe(row: SessionSummary) -> str:
    """Return a phrase that identifies a session, even if its file cannot be read."""
    short = short_name_of(row.id, row.path.parent.name)
    if row.problem is not None:
        return f"session {short}, which cannot be opened ({row.problem})"
    title = mark_of(row.kind) + (f"“{row.title}”" if row.title else NO_TITLE)
    return f"session {short}, {title}, {quantity(row.message_count, 'message')}"


def list_lines(rows: Iterable[SessionSummary], width: int | None, *, with_project: bool = False) -> Iterator[str]:
    """Yield a heading and a line for each session, ``with_project`` also that of each.

    If some were imported, a column has their tools, unless ``width`` is small. Lines are cut to ``width`` columns,
    unless it is None. A problem is never cut: it ends with the line and column of its cause.
    """
    listed = list(rows)
    columns = []
    if with_project:
        columns.append(_column("PROJECT", [project_name(row.path.parents[1]) for row in listed], _MAX_PROJECT))
    if any(row.origin for row in listed) and (width is None or width >= _LEAST_WITH_ORIGIN):
        columns.append(_column("FROM", [label_of(row.origin) for row in listed], LABEL_CELLS))
    yield _row("ID", "UPDATED", "MESSAGES", "".join([*(column[0] for column in columns), "TITLE"]))
    for number, row in enumerate(listed, 1):
        yield _summary_line(row, row.updated_at, width, "".join(column[number] for column in columns))


def _column(heading: str, texts: Sequence[str], most: int) -> list[str]:
    """Return a heading and texts with equal widths, and the gap after them."""
    cells = min(max(map(text_width, [*texts, heading])), most)
    return [pad(visible(text), cells) + "  " for text in (heading, *texts)]


_MAX_PROJECT = 30
_LEAST_WITH_ORIGIN = 80  # columns


def project_name(sessions_dir: Path) -> str:
    """Return the path of a project as the user would type it, with ``~``."""
    return display_path(project_of(sessions_dir))


def interrupted_text(count: int, done: str) -> str:
    """Return a sentence about turns that are in no session yet, if there are any.

    ``done`` is what a command did without them: ``listed`` or ``exported``.
    """
    if not count:
        return ""
    what = "a turn, which is" if count == 1 else f"{count:,} turns, which are"
    it = "it to its session" if count == 1 else "them to their sessions"
    return f"A crash interrupted {what} not {done}. The next start of aloop here adds {it}."


def trash_lines(sessions: Iterable[TrashedSession], width: int | None) -> Iterator[str]:
    """Yield a heading and a line for each deleted session, like ``list_lines``."""
    yield _row("ID", "DELETED", "MESSAGES", "TITLE")
    for session in sessions:
        yield _summary_line(session.summary, session.deleted_at, width)


def hit_session_line(hit: Hit, sessions_dir: Path | None = None) -> str:
    """Return a line for the session of a match, with its title or its problem.

    With ``sessions_dir``, the line also has the project.
    """
    session = hit.session
    project = f"{project_name(sessions_dir)}: " if sessions_dir else ""
    return f"{shown_id(session.id)}  {format_time(session.updated_at)}  {project}{hit.problem or _title(session)}"


def hit_line(hit: Hit) -> tuple[str, tuple[Mark, ...]]:
    """Return the line of a match and the marks in that line."""
    lead = f"{f'#{hit.message}' if hit.message else '':>8}  {hit.role:<9}  "
    return lead + hit.context, tuple((start + len(lead), end + len(lead)) for start, end in hit.marks)


def show_lines(session: Session) -> Iterator[str]:
    """Yield the properties of a session, without its messages."""
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
    """Yield a heading, and the message indented so that it cannot imitate a heading."""
    heading = message.role if message.name is None else f"{message.role} {message.name}"
    facts = ", ".join(message_facts(message))
    yield heading + format_marks(message) + (f"  {' '.join(facts.split())}" if facts else "")
    for row in note_of(message).splitlines():
        yield f"{_INDENT}note: {row}"
    for line in marked_text(message.content, message.parts).splitlines():
        yield _INDENT + line
    for call in message.tool_calls:
        yield f"{_INDENT}→ {call.name} {call.arguments}"


def stats_lines(stats: SessionStats, month: Cost) -> Iterator[str]:
    """Yield the counts of a session, without those that are zero."""
    yield from _table(
        ("id", stats.id),
        ("created", format_time(stats.created_at)),
        ("updated", format_time(stats.updated_at)),
        ("messages", f"{stats.message_count:,}{_details(stats.messages_by_role.items())}"),
        ("tool calls", f"{sum(stats.tool_calls.values()):,}{_details(stats.tool_calls.items())}"),
        ("tool time", duration_text(stats.tool_ms) if stats.tool_ms else ""),
        ("files", changed_text(stats)),
        ("tokens", usage_text(stats.usage)),
        *(("  by model", row) for row in model_rows(stats.usage_by_model)),
        ("cost", cost_text(stats, month)),
        ("size", f"{stats.size:,} bytes"),
        ("path", str(stats.path)),
    )


def _summary_line(row: SessionSummary, moment: datetime, width: int | None, lead: str = "") -> str:
    if row.problem is not None:
        return _row(shown_id(row.id), format_time(moment), "?", lead + row.problem)
    title = lead + _title(row)
    if is_in_future(moment):
        title = f"{lead}(dated in the future) {_title(row)}"
    line = _row(shown_id(row.id), format_time(moment), str(row.message_count), title)
    return line if width is None else fit(visible(line), width)


def _row(identity: str, when: str, count: str, title: str) -> str:
    return f"{identity:{SHORT_ID}}  {when:16}  {count:>8}  {title}"


def _title(row: SessionSummary | SessionTitle) -> str:
    return mark_of(row.kind) + (" ".join(row.title.split()) or NO_TITLE)


def _table(*rows: tuple[str, str]) -> Iterator[str]:
    for name, value in rows:
        if value:
            yield f"{name:<11}  {value}"


def _details(counts: Iterable[tuple[str, int]]) -> str:
    parts = [f"{name} {count:,}" for name, count in counts if count]
    return f" ({', '.join(parts)})" if parts else ""


def project_record(summary: SessionSummary) -> dict[str, Any]:
    """Return the summary with the folder of its project."""
    return summary_record(summary) | {"project": project_of(summary.path.parents[1])}


def summary_record(summary: SessionSummary) -> dict[str, Any]:
    return asdict(summary) | {"is_in_future": summary.is_in_future}


def trashed_record(session: TrashedSession) -> dict[str, Any]:
    """Return the summary, the time of deletion and the size in bytes."""
    return summary_record(session.summary) | {"deleted_at": session.deleted_at, "size": session.size}


def finding_record(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def hit_record(hit: Hit) -> dict[str, Any]:
    """Return a match with the ID, time and title of its session.

    ``message`` counts from 1; 0 means the title.
    """
    record = asdict(hit)
    session: dict[str, Any] = record.pop("session")
    return session | record


def session_record(session: Session, *, messages: bool) -> dict[str, Any]:
    """Return the properties of a session and, if asked for, its messages.

    System messages have a separate key and are not counted.
    """
    record = {field.name: getattr(session, field.name) for field in fields(session)}
    system, conversation = record.pop("system_messages"), record.pop("messages")
    record["message_count"] = len(conversation)
    if messages:
        record["system_messages"] = [message_record(message) for message in system]
        record["messages"] = [message_record(message) for message in conversation]
    return record


def stats_record(stats: SessionStats, month: Cost) -> dict[str, Any]:
    """Return the counts; costs are in dollars, None if a part of them is unknown."""
    record = {field.name: getattr(stats, field.name) for field in fields(stats)}
    counts = {name: dict(record[name]) for name in ("messages_by_role", "tool_calls")}
    by_model = {model: asdict(usage) for model, usage in stats.usage_by_model.items()}
    costs = {"cost": record.pop("cost"), "turn_cost": record.pop("turn_cost"), "month_cost": month}
    record |= {f"{name}_usd": cost.exact if cost else None for name, cost in costs.items()}
    return record | counts | {"usage": asdict(stats.usage), "usage_by_model": by_model}
