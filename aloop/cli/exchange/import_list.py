"""``aloop import`` without a name: the tools with sessions, and what is new."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aloop.cli.console import json_line, print_line, print_note
from aloop.cli.exchange.importing import ImportOptions
from aloop.errors import StorageError
from aloop.formatting import display_path, quantity
from aloop.importers.formats import FORMATS, PROJECT_TOOLS, TOOLS
from aloop.importers.peek import News, Stored, distinct, glimpses_of
from aloop.importers.places import files_of, folders_here
from aloop.importers.run import size_of
from aloop.memory.sessions_dir.location import resolve_sessions_dir

_MEGABYTES = 100_000
"""Bytes from which on a size is in megabytes."""


class _Row(NamedTuple):
    """The sessions of a tool; ``news`` is None if its files were not read."""

    tool: str
    news: Counter[News] | None
    files: int
    size: int


class _Problems:
    """Sentences about files and folders that could not be read, each once."""

    def __init__(self) -> None:
        self.sentences: dict[str, None] = {}

    def add(self, tool: str, error: Exception) -> None:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error).rstrip(".")
        self.sentences[f"Could not read all sessions of {FORMATS[tool].label}: {reason}."] = None


def list_tools(options: ImportOptions) -> int:
    """List the tools that have sessions for this project, or on this machine.

    Return 1 if some cannot be read. Raises StorageError if the sessions here cannot be listed.
    """
    folders = folders_here(resolve_sessions_dir(options.sessions_dir))
    problems = _Problems()
    rows = list(_count_all(problems) if options.all else _count_here(options, folders, problems))
    for row in rows:
        print_line(json_line(_record(row)) if options.as_json else _line(row))
    if rows and not options.as_json:
        print_note(_advice(rows, everywhere=options.all))
    elif not rows:
        project = f" or its project, {display_path(folders[1])}" if len(folders) > 1 else ""
        where = "on this machine" if options.all else f"for this folder{project}"
        is_elsewhere = not options.all and any(_count_all(_Problems()))
        rest = " `aloop import --all` lists those of all folders." if is_elsewhere else ""
        help_text = "`aloop import --help` shows what can be imported."
        print_note(f"No other tool has sessions {where}.{rest or f' {help_text}'}")
    for sentence in problems.sentences:
        print_note(sentence)
    return int(bool(problems.sentences))


def _advice(rows: Sequence[_Row], *, everywhere: bool) -> str:
    """Return the sentence with the command that imports what is new."""
    tools = [row.tool for row in rows if row.news is None or row.news["new"] or row.news["grown"]]
    if not tools:
        return "There is nothing new to import."
    flag = " --all" if everywhere and set(tools) & set(PROJECT_TOOLS) else ""
    command = f"aloop import {' '.join(tools)}{flag}"
    if everywhere:
        return f"New sessions were not counted. Run `{command}` to import them; --dry-run lists them first."
    return f"Run `{command}` to import what is new."


def _line(row: _Row) -> str:
    if row.news is None:
        counts = [quantity(row.files, "file")]
    else:
        new, grown = row.news["new"], row.news["grown"]
        counts = [quantity(row.news.total(), "session"), f"{new:,} new" if new else "none new"]
        counts += [f"{grown:,} with new messages"] if grown else []
    return f"{row.tool:<13} {FORMATS[row.tool].label:<14} {', '.join([*counts, _size(row.size)])}"


def _record(row: _Row) -> dict[str, object]:
    found: dict[str, object] = {"tool": row.tool, "sessions": None, "new": None, "grown": None}
    if row.news is not None:
        found |= {"sessions": row.news.total(), "new": row.news["new"], "grown": row.news["grown"]}
    return {**found, "files": row.files, "bytes": row.size}


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= _MEGABYTES else f"{size / 1e3:,.1f} KB"


def _count_all(problems: _Problems) -> Iterator[_Row]:
    """Count the files of each tool; those in projects, only of this one."""
    for tool in FORMATS:
        if found := files_of(tool, Path.cwd(), everywhere=True, on_error=partial(problems.add, tool)):
            yield _Row(tool, None, len(found), sum(map(size_of, found)))


def _count_here(options: ImportOptions, folders: Sequence[Path], problems: _Problems) -> Iterator[_Row]:
    stored = Stored(resolve_sessions_dir(options.sessions_dir))
    for tool in TOOLS:
        try:
            found = [
                each
                for folder in folders
                for each in glimpses_of(tool, folder, unplaced=True, on_error=partial(problems.add, tool))
            ]
            found = distinct([*found, *stored.glimpses_of_moved(tool)])
        except (StorageError, sqlite3.Error, OSError) as error:
            problems.add(tool, error)
            continue
        if found:
            paths = {glimpse.path for glimpse in found}
            yield _Row(tool, Counter(map(stored.news_of, found)), len(paths), sum(map(size_of, paths)))
