"""The conversations of an import as a table, or as records for JSON.

Lines of text may still contain control characters.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from aloop.cli.sessions.output import NO_TITLE
from aloop.errors import SHORT_ID
from aloop.formatting import display_path, format_time, normal_path, quantity
from aloop.importers.formats import FORMATS, mark_of
from aloop.importers.imported import Imported
from aloop.importers.run import Scan
from aloop.importers.storing.store import Outcome
from aloop.importers.transcript import title_of
from aloop.sanitize import visible
from aloop.width import fit

_ACTIONS = {"imported": ("import", "imported"), "updated": ("update", "updated"), "exported": ("skip", "skipped")}
"""The words in the first column, for a dry run and for an import."""
_OTHERS = ("skip", "skipped")
_REASONS = {
    "in trash": "it is in the trash",
    "in use": "it is open in another aloop",
    "unreadable": "the session here cannot be read",
}
_DETAILED = 80
"""Columns from which on dates and tool calls are shown."""
_NARROWEST = 20
_NAMED = 3
"""Files that are named for each kind of problem."""


class ImportTable:
    """The lines of a table, made for one conversation at a time.

    ``width`` is that of the terminal, None if the lines are not for one.
    """

    def __init__(self, width: int | None, *, dry: bool) -> None:
        self._width, self._dry = width, dry
        self._tool = ""

    def lines(self, imported: Imported, outcome: Outcome) -> Iterator[str]:
        """Yield the lines for a conversation; none if it is unchanged."""
        if outcome.action == "unchanged":
            return
        if imported.tool != self._tool:
            if self._tool:
                yield ""
            yield FORMATS[imported.tool].label
            if not self._tool:
                yield self._row("ACTION", "ID", "UPDATED", "MESSAGES", "CALLS", "TITLE")
            self._tool = imported.tool
        words = _ACTIONS.get(outcome.action, _OTHERS)
        yield self._row(
            words[0 if self._dry else 1],
            outcome.session_id[:SHORT_ID],
            _date(imported.updated_at),
            f"{outcome.added:+,}" if outcome.action == "updated" else f"{len(imported.messages):,}",
            _number_of_calls(imported, outcome),
            _title(imported),
        )
        if reason := reason_for(outcome):
            yield from self._below(reason)
        if self._dry and imported.losses and outcome.action in ("imported", "updated"):
            yield from self._below(f"left out: {listed(imported.losses)}")

    @property
    def _first(self) -> int:
        return len("import" if self._dry else "imported")

    def _row(self, action: str, short_id: str, date: str, messages: str, calls: str, title: str) -> str:
        is_detailed = self._width is None or self._width >= _DETAILED
        cells = [f"{action:{self._first}}", f"{short_id:{SHORT_ID}}"]
        cells += [f"{date:10}"] if is_detailed else []
        cells += [f"{messages:>8}"]
        cells += [f"{calls:>5}"] if is_detailed else []
        line = visible("  ".join([*cells, title]))
        return line if self._width is None else fit(line, self._width)

    def _below(self, text: str) -> Iterator[str]:
        """Yield a text that belongs to the row above, aligned with its ID."""
        indent = " " * (self._first + 2)
        if self._width is None:
            yield indent + text
        else:
            room = max(self._width - len(indent), _NARROWEST)
            # A number stays on the line of what it counts.
            lines = textwrap.wrap(text.replace(" (", "\xa0("), room, subsequent_indent="  ")
            yield from (indent + line.replace("\xa0(", " (") for line in lines)


def reason_for(outcome: Outcome) -> str:
    """Return why a conversation is not imported, or not as usual; empty if it is."""
    reason = outcome.reason or _REASONS.get(outcome.action, "")
    return f"left alone, because {reason}" if outcome.action == "continued" else reason


def import_record(imported: Imported, outcome: Outcome, *, dry: bool) -> dict[str, object]:
    """Return a conversation as a record for JSON."""
    return {
        "action": outcome.action,
        "dry_run": dry,
        "reason": reason_for(outcome),
        "id": outcome.session_id,
        "from": imported.tool,
        "foreign_id": imported.foreign_id,
        "kind": imported.kind,
        "branch": imported.branch,
        "title": title_of(imported),
        "cwd": imported.cwd,
        "created_at": imported.created_at,
        "updated_at": imported.updated_at,
        "messages": len(imported.messages),
        "tool_calls": imported.call_count,
        "results": imported.result_count,
        "added": outcome.added,
        "lost": dict(imported.losses),
        "path": imported.path and normal_path(imported.path),
    }


def listed(counts: Counter[str]) -> str:
    """Return things with their numbers, most frequent first."""
    return ", ".join(f"{what} ({count:,})" for what, count in counts.most_common())


def unreadable(scan: Scan) -> Iterator[str]:
    """Yield what could not be read, with the names of some of the files."""
    for problem, count in scan.problems.items():
        yield f"{problem} ({count:,} times)" if count > 1 else problem
    for kind, files in scan.broken.items():
        named = [f"{count:,} in {display_path(Path(name))}" for name, count in files.most_common(_NAMED)]
        if len(files) > _NAMED:
            named.append(f"others in {quantity(len(files) - _NAMED, 'more file')}")
        yield f"{kind} ({', '.join(named)})"


def _number_of_calls(imported: Imported, outcome: Outcome) -> str:
    if outcome.action == "updated":
        return f"{outcome.calls:+,}" if outcome.calls else "-"
    return f"{imported.call_count:,}" if imported.call_count else "-"


def _date(moment: datetime | None) -> str:
    return format_time(moment).partition(" ")[0] if moment else "-"


def _title(imported: Imported) -> str:
    title = " ".join(title_of(imported).split()) or NO_TITLE
    return mark_of(imported.kind) + title
