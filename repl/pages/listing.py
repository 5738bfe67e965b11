"""Lists of sessions and commands, search results and counts, as lines."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from aloop.cli.sessions.output import changed_text, cost_text, model_rows, usage_text
from aloop.errors import SHORT_ID
from aloop.formatting import age, display_path, duration_text, format_time, thousands
from aloop.importers.formats import label_of, mark_of
from aloop.llm.cost.pricing import Cost
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionStats, SessionSummary
from aloop.memory.sessions_dir.ids import shown_id
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.sanitize import safe_line, safe_text
from aloop.width import fit, pad, text_width, wrap
from commands.context import Context
from commands.registry import Command
from repl.output.notices import MARK
from repl.output.styled import Line, Span, fit_line, line
from repl.output.theme import Style

if TYPE_CHECKING:
    from aloop.llm.models.catalog import ModelChoice
    from commands.pages import Question

_ROW_DIGITS = 3
"""Most digits of a row number after /resume; a longer number is an ID prefix."""

_WHEN = 12
_COUNT = 8
_LABEL = 12
_SERVER = 24
_WINDOW = 6
_LEAST_SERVER = 10  # cells; a shorter name of a server is left out
_NARROWEST = 20
_LEAST_WITH_COUNT = 50  # columns of a screen with room for the number of messages
_LEAST_WITH_ORIGIN = 40  # cells of a title with the tool that it was imported from
_BESIDE_NUMBER = re.compile(r"(?<=\d) (?=\w)|(?<=\w) (?=\d)")


def trash_lines(rows: Sequence[TrashedSession], width: int, now: datetime) -> list[Line]:
    """Return a numbered row for each deleted session, with the time of deletion."""
    return session_lines([replace(row.summary, updated_at=row.deleted_at) for row in rows], width, now, "deleted")


def session_lines(rows: Sequence[SessionSummary], width: int, now: datetime, when: str = "when") -> list[Line]:
    """Return a numbered row for each session, with its problem below, if any.

    ``when`` is the heading of the times.
    """
    digits = max(2, len(str(len(rows))))
    below = (_session_row(row, number, digits, width, now) for number, row in enumerate(rows, 1))
    return [_session_head(digits, when, width), *chain.from_iterable(below)]


def model_lines(choices: Sequence[ModelChoice], width: int) -> list[Line]:
    """Return a numbered row for each model."""
    digits = max(2, len(str(len(choices))))
    head = line(
        (Style.QUIET, f"{'#':>{digits}}  {model_row('model', 'server', 'window', choices, width - digits - 2)}")
    )
    return [
        head,
        *(
            line(f"{number:>{digits}}  {model_row(*model_cells(choice), choices, width - digits - 2)}")
            for number, choice in enumerate(choices, 1)
        ),
    ]


def model_cells(choice: ModelChoice) -> tuple[str, str, str]:
    """Return the texts of a row: name, server and window."""
    return safe_line(choice.name), safe_line(choice.server), thousands(choice.window) if choice.window else ""


def model_row(name: str, server: str, window: str, choices: Sequence[ModelChoice], width: int) -> str:
    """Return a row of ``width`` columns at most, in the columns that ``choices`` need."""
    names = max((text_width(safe_line(choice.name)) for choice in choices), default=0)
    column = min(max(names, len("model")), max(_NARROWEST, width - _SERVER - _WINDOW - 4))
    rest = max(0, width - column - _WINDOW - 4)
    servers = min(rest, max((text_width(safe_line(choice.server)) for choice in choices), default=0))
    if rest < _LEAST_SERVER:
        column, servers = width - _WINDOW - 4, 0
    row = f"{pad(fit(name, column), column)}  {pad(fit(server, servers), servers)}  {window:>{_WINDOW}}"
    return fit(row.rstrip(), width)


async def listing_lines(rows: AsyncIterator[SessionSummary], width: int) -> AsyncIterator[list[Line]]:
    """Yield the same lines for sessions that arrive one by one.

    Rows beyond the largest row number that a command accepts have none.
    """
    number = 0
    async for row in rows:
        number += 1
        head = [_session_head(_ROW_DIGITS, "when", width)] if number == 1 else []
        shown = number if number < 10**_ROW_DIGITS else None
        yield [*head, *_session_row(row, shown, _ROW_DIGITS, width, datetime.now(UTC))]


def _session_head(digits: int, when: str, width: int) -> Line:
    head = f"{'#':>{digits}}  {'id':<{SHORT_ID}}  {when:<{_WHEN}}  {_count('messages', width)}title"
    return line((Style.QUIET, head))


def _count(count: object, width: int) -> str:
    """Return the column with the number of messages, which a narrow screen leaves out."""
    return f"{count:>{_COUNT}}  " if width >= _LEAST_WITH_COUNT else ""


def _session_row(row: SessionSummary, number: int | None, digits: int, width: int, now: datetime) -> list[Line]:
    indent = digits + 2
    start = f"{number or '':>{digits}}  "
    identity = (Style.ACCENT, f"{safe_line(row.id)[:SHORT_ID]:<{SHORT_ID}}")
    time = (Style.QUIET, "  " + pad(age(row.updated_at, now), _WHEN))
    if row.problem is not None:
        # Its ID may be the name of its folder, which identifies it only as a whole.
        identity = (Style.ACCENT, f"{safe_line(shown_id(row.id)):<{SHORT_ID}}")
        first = line(start, identity, time, f"  {_count('?', width)}", (Style.BAD, MARK + "cannot be read"))
        return [fit_line(first, width), line((Style.BAD, " " * indent + row.problem))]
    count = _count(row.message_count, width)
    room = max(width - indent - SHORT_ID - _WHEN - len(count) - 4, 8)
    note = ("(dated in the future) " if row.is_in_future else "") + mark_of(row.kind)
    label = safe_line(label_of(row.origin))
    origin = f" · {label}" if label and room >= _LEAST_WITH_ORIGIN else ""
    title = fit(note + (safe_line(row.title) or "(no title)"), room - text_width(origin))
    return [line(start, identity, time, f"  {count}", title, (Style.QUIET, origin))]


def hit_lines(number: int, hit: Hit, width: int, now: datetime, *, is_first: bool) -> list[Line]:
    """Return a numbered row for a match, below its session if it ``is_first`` there."""
    lines: list[Line] = []
    if is_first:
        identity = (Style.ACCENT, safe_line(shown_id(hit.session.id)))
        when = (Style.QUIET, f" · {age(hit.session.updated_at, now)} · ")
        title = safe_line(hit.session.title) or "(no title)"
        lines.append(fit_line(line(identity, when, (Style.STRONG, mark_of(hit.session.kind) + title)), width))
        if hit.problem is not None:
            first = fit_line(line(identity, when, (Style.BAD, MARK + "cannot be read")), width)
            lines[-1:] = [first, line((Style.BAD, "  " + hit.problem))]
    place = f"#{hit.message}" if hit.message else ""
    lead = line(f"{number:>3}  ", (Style.QUIET, f"{place:<5} {hit.role:<9}  "))
    return [*lines, fit_line((*lead, *_marked(hit)), width)]


def _marked(hit: Hit) -> Iterator[Span]:
    end = 0
    for start, stop in (*hit.marks, (len(hit.context), len(hit.context))):
        yield Style.PLAIN, safe_text(hit.context[end:start])
        yield Style.ACCENT, safe_text(hit.context[start:stop])
        end = stop


def stats_lines(stats: SessionStats, month: Cost, width: int) -> list[Line]:
    """Return the counts of a session, wrapped to ``width``."""
    roles = ", ".join(f"{count:,} {role}" for role, count in stats.messages_by_role.items() if count)
    tools = ", ".join(f"{name} {count:,}" for name, count in stats.tool_calls.items() if count)
    facts = [
        ("id", stats.id),
        ("created", format_time(stats.created_at)),
        ("updated", format_time(stats.updated_at)),
        ("messages", f"{stats.message_count:,}" + (f" ({roles})" if roles else "")),
        ("tool calls", tools or "none"),
        *([("tool time", duration_text(stats.tool_ms))] if stats.tool_ms else []),
        *([("files", changed)] if (changed := changed_text(stats)) else []),
        ("tokens", usage_text(stats.usage) or "none counted"),
        *(("", row) for row in model_rows(stats.usage_by_model)),
        *([("cost", cost)] if (cost := cost_text(stats, month)) else []),
        *([("size", f"{stats.size:,} bytes")] if stats.size else []),
    ]
    below = (_fact(name, safe_line(value), width) for name, value in facts)
    # The terminal wraps a path, so that it can be copied in one piece.
    path = safe_line(display_path(stats.path)) if stats.size else "not saved yet"
    fits = _LABEL + text_width(path) <= width
    where = [line((Style.QUIET, f"{'path':<{_LABEL}}"), path)] if fits else [line((Style.QUIET, "path")), line(path)]
    return [*chain.from_iterable(below), *where]


def fact_lines(facts: Sequence[tuple[str, str]], width: int, most_rows: int | None = None) -> list[Line]:
    """Return names with their values, wrapped to ``width`` and cut to ``most_rows``."""
    label = max((len(name) for name, _ in facts), default=0) + 2
    return [row for name, value in facts for row in _fact(name, safe_line(value), width, label, most_rows)]


def _cut(text: str, width: int, most_rows: int | None) -> str:
    """Return text that wraps to at most ``most_rows``, with an ellipsis if it was cut."""
    if most_rows is None:
        return text
    # Also a long word, as in a language without spaces: each row but the last has a space after it.
    text = fit(text, most_rows * (width + 1) - 1)
    rows = wrap(text, width)
    if len(rows) <= most_rows:
        return text
    return " ".join([*rows[: most_rows - 1], fit(" ".join(rows[most_rows - 1 : most_rows + 1]), width)])


def _fact(name: str, value: str, width: int, label: int = _LABEL, most_rows: int | None = None) -> list[Line]:
    """Return a name and its value, wrapped, with each number beside its noun."""
    glued = _cut(_BESIDE_NUMBER.sub("\xa0", value), max(width - label, _NARROWEST), most_rows)
    return [
        tuple((style, text.replace("\xa0", " ")) for style, text in row)
        for row in _beside((Style.QUIET, name), glued, label, width)
    ]


def _beside(name: Span, text: str, column: int, width: int, margin: str = "") -> list[Line]:
    """Return ``name`` and, from ``column`` on, the rows of ``text``.

    Without room for these, they are below the name; a word that is too long for that has the whole width.
    """
    longest = max(map(text_width, text.split(" ")))
    if width - column < max(longest, _NARROWEST):
        indent = f"{margin}  " if len(margin) + 2 + longest <= width else ""
        rows = wrap(text, max(width - len(indent), 1))
        head = [line(margin, name)] if name[1] else []
        return [*head, *(line(indent, row) for row in rows)]
    first, *more = wrap(text, max(width - column, _NARROWEST))
    start = line(margin, name, " " * (column - len(margin) - text_width(name[1])), first)
    return [start, *(line(" " * column + row) for row in more)]


SKIPPED = "(skipped) "
"""Before a message of the user that is not sent to the model."""


def question_lines(rows: Sequence[Question], width: int) -> list[Line]:
    """Return messages of the user, one in each row, with their numbers."""
    return [
        fit_line(
            line((Style.QUIET, f"{row.number:>4}  {SKIPPED if row.is_skipped else ''}"), safe_line(row.text)), width
        )
        for row in rows
    ]


def key_lines(keys: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """Return keys with their effects, in two columns."""
    column = max(len(key) for key, _ in keys) + 2
    return [row for key, effect in keys for row in _beside((Style.ACCENT, key), effect, column, width)]


def help_lines(commands: Sequence[Command[Context]], width: int) -> list[Line]:
    """Return commands by group, or a single command with its aliases and an example."""
    if len(commands) == 1:
        return _one_command(commands[0], width)
    column = max((len(command.invocation) for command in commands), default=0) + 4
    lines: list[Line] = []
    for group in dict.fromkeys(command.group for command in commands):
        lines.append(line((Style.STRONG, group)))
        for command in commands:
            if command.group == group:
                lines += _beside((Style.ACCENT, command.invocation), command.summary, column, width, "  ")
    return lines


_PLACEHOLDERS = {
    "ID": "ID is a session ID or a unique prefix of one.",
    "ROW": "ROW is a row number in the last list shown.",
    "N": "N is a message number, as shown by /history ID.",
}


def _one_command(command: Command[Context], width: int) -> list[Line]:
    words = re.findall(r"\w+", command.usage)
    about = [command.summary, *(meaning for word, meaning in _PLACEHOLDERS.items() if word in words)]
    more = ["also: " + ", ".join(f"/{alias}" for alias in command.aliases)] if command.aliases else []
    more += [f"example: {command.example}"] if command.example else []
    paragraphs: list[Span] = [*((Style.PLAIN, text) for text in about), *((Style.QUIET, text) for text in more)]
    return [
        line((Style.ACCENT, command.invocation)),
        *(line((style, f"  {row}")) for style, text in paragraphs for row in wrap(text, max(width - 2, _NARROWEST))),
    ]
