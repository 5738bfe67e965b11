"""Sessions, counts and commands as lines: what /resume, /history, /stats and /help show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aloop.memory.session import SessionStats, SessionSummary
from aloop.sessions_usage import model_rows, usage_text
from commands.registry import Command
from repl.ages import age
from repl.cells import fit, pad
from repl.sanitize import safe_line
from repl.spans import Line, Tone, line

SHORT_ID = 8
"""Characters of a session id that are shown."""

_WHEN = 12
_COUNT = 8


def session_lines(rows: Sequence[SessionSummary], width: int, now: datetime) -> list[Line]:
    """Return a numbered row for each session; under one that can not be read, the reason in full."""
    number_width = max(2, len(str(len(rows))))
    indent = number_width + 2
    room = max(width - indent - SHORT_ID - _WHEN - _COUNT - 6, 8)
    head = f"{'#':>{number_width}}  {'id':<{SHORT_ID}}  {'when':<{_WHEN}}  {'messages':>{_COUNT}}  title"
    lines = [line((Tone.QUIET, head))]
    for number, row in enumerate(rows, 1):
        start = f"{number:>{number_width}}  "
        identity = (Tone.ACCENT, f"{safe_line(row.id)[:SHORT_ID]:<{SHORT_ID}}")
        when = (Tone.QUIET, "  " + pad(age(row.updated_at, now), _WHEN))
        if row.problem is None:
            title = fit(safe_line(row.title), room) or "(no title)"
            lines.append(line(start, identity, when, f"  {row.message_count:>{_COUNT}}  ", title))
        else:
            lines.append(line(start, identity, when, f"  {'?':>{_COUNT}}  ", (Tone.BAD, "cannot be read")))
            lines.append(line((Tone.BAD, " " * indent + row.problem)))
    return lines


def stats_lines(stats: SessionStats) -> list[Line]:
    """Return the counts of a session, a subject a line."""
    roles = ", ".join(f"{count} {role}" for role, count in stats.messages_by_role.items() if count)
    tools = ", ".join(f"{name} {count}" for name, count in stats.tool_calls.items() if count)
    facts = [
        ("session", stats.id),
        ("started", _moment(stats.created_at)),
        ("last turn", _moment(stats.updated_at)),
        ("messages", f"{stats.message_count}" + (f" ({roles})" if roles else "")),
        ("tool calls", tools or "none"),
        ("tokens", usage_text(stats.usage) or "none counted"),
        *(("", row) for row in model_rows(stats.usage_by_model)),
        ("file", f"{stats.path} ({stats.size:,} bytes)" if stats.size else "not saved yet"),
    ]
    return [line((Tone.QUIET, f"{name:<12}"), safe_line(value)) for name, value in facts]


def help_lines(commands: Sequence[Command]) -> list[Line]:
    """Return the commands under their groups; a single one with its other names and an example."""
    if len(commands) == 1:
        return _one_command(commands[0])
    width = max((len(command.invocation) for command in commands), default=0)
    lines: list[Line] = []
    for group in dict.fromkeys(command.group for command in commands):
        lines.append(line((Tone.STRONG, group)))
        lines += [
            line("  ", (Tone.ACCENT, f"{command.invocation:<{width}}"), f"  {command.summary}")
            for command in commands
            if command.group == group
        ]
    return lines


def _one_command(command: Command) -> list[Line]:
    lines = [line((Tone.ACCENT, command.invocation)), line(f"  {command.summary}")]
    if command.aliases:
        lines.append(line((Tone.QUIET, "  also: " + ", ".join(f"/{alias}" for alias in command.aliases))))
    if command.example:
        lines.append(line((Tone.QUIET, f"  example: {command.example}")))
    return lines


def _moment(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M")
