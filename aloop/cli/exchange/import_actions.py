"""``aloop import``: the list, the import, and its report.

Results go to standard output; the progress bar and notes go to standard error.
"""

from __future__ import annotations

import errno
import gc
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from aloop.cli.console import ProgressBar, json_line, output_width, print_line, print_note
from aloop.cli.exchange.import_rows import KINDS, ImportTable, import_record, listed
from aloop.cli.exchange.importing import ImportOptions
from aloop.errors import AloopError, SessionError, StorageError, UsageError
from aloop.formatting import expand_home, format_time, quantity
from aloop.importers.databases.sqlite import SQLITE
from aloop.importers.draft import Imported
from aloop.importers.formats import FORMATS, TOOLS
from aloop.importers.peek import PROJECT_TOOLS, glimpses_of
from aloop.importers.places import as_noted, files_of, notes_folders, places_of
from aloop.importers.run import Scan, Selection, find_files, packed_as, size_of
from aloop.importers.source import Source
from aloop.importers.store import ImportStore, Outcome
from aloop.interrupts import INTERRUPTED, DelayedInterrupt
from aloop.memory.trust_file import TrustFile
from aloop.text import closest_match

_STDIN = "-"
_STOPPED = "Stopped. All conversations imported so far are complete; run the same command again for the rest."
_UNPLACED = frozenset({"cline"})
"""Tools some of whose sessions do not name their folder, and are imported for each."""

_MEGABYTES = 100_000
"""Bytes from which on a size is in megabytes."""
_FOR_ALL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Errors that would meet every other conversation, too."""
_FAILED = frozenset({"in use", "unreadable", "too large"})
"""Actions for conversations that should have been imported, and could not be."""


def run_import(options: ImportOptions) -> int:
    """Import what ``options`` name, or list what is there; raises AloopError."""
    if not options.what:
        if flag := next((name for name, value in _flags(options).items() if value), ""):
            raise UsageError(f"{flag} is for an import. Name a tool, a file or a folder, as in `aloop import codex`.")
        return _list_tools(options)
    selection = Selection(options.form, options.session, options.since, options.branches)
    scan = Scan(selection)
    if options.what == _STDIN:
        data = sys.stdin.buffer.read()
        if not data.strip():
            raise UsageError("Standard input is empty. Pipe a conversation into `aloop import -`.")
        if packed_as(data) or data.startswith(SQLITE):
            what = "an archive" if packed_as(data) else "a database"
            raise UsageError(f"Standard input is {what}. Give the path of the file instead of `-`.")
        return _import(options, scan, scan.read_source(Source(None, data)), 0)
    paths = _paths(options, scan)
    if not paths and not scan.problems:
        print_note(_nothing_at(options))
        return 0
    return _import(options, scan, scan.read(paths), sum(map(size_of, paths)))


def _flags(options: ImportOptions) -> dict[str, object]:
    """Return the values of the options that the list of tools does not have."""
    flags = {"--from": options.form, "--session": options.session, "--since": options.since}
    return {**flags, "--branches": options.branches, "--dry-run": options.dry_run}


def _nothing_at(options: ImportOptions) -> str:
    """Return the sentence for a tool without files, or a folder without any to read."""
    if options.what not in FORMATS or expand_home(options.what).exists():
        return f"No conversations were found in {options.what}."
    label = FORMATS[options.what].label
    if not places_of(options.what, Path.cwd()):
        return f"{label} has no folder that aloop knows. Give the path of the file, as in `aloop import talk.json`."
    if options.all or options.what not in PROJECT_TOOLS:
        return f"{label} has no sessions on this machine."
    return _none_here(label, more=bool(files_of(options.what, Path.cwd(), everywhere=True)))


def _none_here(label: str, *, more: bool) -> str:
    return f"{label} has no sessions for this folder.{' Add --all for those of other folders.' if more else ''}"


def _paths(options: ImportOptions, scan: Scan) -> list[Path]:
    """Return the files to read; a tool's are limited to this folder."""

    def note(error: OSError) -> None:
        scan.problems[f"folders that cannot be read: {error.filename}: {error.strerror or error}"] += 1

    path = expand_home(options.what)
    if options.what in FORMATS and not path.exists():
        here = Path.cwd()
        if not options.all and notes_folders(options.what):
            scan.selection.folder = here
        return files_of(options.what, here, everywhere=options.all)
    guess = next((name for name in TOOLS if name.startswith(options.what)), closest_match(options.what, TOOLS))
    if guess and not path.exists():
        raise UsageError(f"{options.what} does not exist. Did you mean the tool '{guess}'?")
    return find_files(path, note)


def _import(options: ImportOptions, scan: Scan, found: Iterable[Imported], total: int) -> int:
    gc.freeze()  # The many small objects of a file set off collections, in which the loaded modules need no search.
    store = ImportStore(options.sessions_dir, dry=options.dry_run, on_write=_Acceptance().add)
    done: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    table = ImportTable(output_width(), dry=options.dry_run)
    added: Counter[str] = Counter()
    read = 0
    stopped: BaseException | None = None
    with ProgressBar("Reading", "MB", is_wanted=not options.as_json) as bar:

        def show(size: int) -> None:
            nonlocal read
            read += size
            bar.show(read, total)

        scan.on_read = show
        try:
            for imported in found:
                try:
                    with DelayedInterrupt():  # a conversation is written as a whole, and counted
                        outcome = store.put(imported)
                        done[outcome.action] += 1
                        if outcome.action in ("imported", "updated"):
                            lost.update(imported.losses)
                            added[outcome.action] += outcome.added
                except SessionError as error:
                    if _is_for_all(error, store.sessions_dir):
                        raise
                    scan.problems[str(error).rstrip(".")] += 1
                    continue
                bar.clear()
                _report(options, table, imported, outcome)
        except (KeyboardInterrupt, AloopError, OSError) as error:  # also if standard output cannot be written
            stopped = error
            if done and not options.dry_run:
                bar.stop(_STOPPED)
            elif isinstance(error, KeyboardInterrupt):
                bar.stop("Stopped. Nothing was imported.")
    _summarize(options, scan, store, done, lost, added, is_stopped=stopped is not None)
    if stopped and not isinstance(stopped, KeyboardInterrupt):
        raise stopped
    is_unknown = (scan.unknown or scan.empty or scan.companions) and not done and not expand_home(options.what).is_dir()
    is_partial = scan.problems or _FAILED & done.keys()
    is_failed = bool(is_partial or is_unknown or (options.session and not done))
    return INTERRUPTED if stopped else int(is_failed)


def _is_for_all(error: SessionError, sessions_dir: Path) -> bool:
    """Return True if an error would meet every other conversation, too."""
    if not isinstance(error, StorageError):
        return False
    return error.cause is None or error.cause.errno in _FOR_ALL or error.path == sessions_dir


class _Acceptance:
    """Notes which sessions the user has asked for, so that aloop does not ask again.

    Each is noted before it is written, because the process can be killed at any time.
    """

    def __init__(self) -> None:
        self._file = TrustFile.of_user()
        self._has_failed = False

    def add(self, session_id: str, note: str) -> None:
        try:
            self._file.remember(accepted=[session_id], texts=[note] if note else [])
        except StorageError as error:
            if not self._has_failed:
                print_note(str(error))
            self._has_failed = True


def _report(options: ImportOptions, table: ImportTable, imported: Imported, outcome: Outcome) -> None:
    """Print the lines of a conversation."""
    if options.as_json:
        print_line(json_line(import_record(imported, outcome, dry=options.dry_run)))
        return
    for line in table.lines(imported, outcome):
        print_line(line)


def _summarize(
    options: ImportOptions,
    scan: Scan,
    store: ImportStore,
    done: Counter[str],
    lost: Counter[str],
    added: Counter[str],
    *,
    is_stopped: bool,
) -> None:
    """Print the totals, and what was not taken over, to standard error."""
    new = {"imported": "would be imported", "updated": "would be updated"} if options.dry_run else {}
    new |= {"in trash": "in the trash", "continued": "left alone", "exported": "skipped as exports of sessions here"}
    messages = {action: f" ({quantity(count, 'message')})" for action, count in added.items()}
    parts = [f"{count:,} {new.get(action, action)}{messages.get(action, '')}" for action, count in done.items()]
    if parts:
        print_note(f"{quantity(sum(done.values()), 'conversation')}: {', '.join(parts)}.")
    elif not is_stopped and (sentence := _none_found(options, scan)):
        print_note(sentence)
    if options.since and (older := scan.refused["older"]):
        is_are = "is" if older == 1 else "are"
        print_note(f"{quantity(older, 'conversation')} {is_are} older than {format_time(options.since)}.")
    if left := [f"{count:,} {KINDS[kind][count != 1]}" for kind, count in scan.left_out.items()]:
        print_note(f"Left out: {' and '.join(left)}. Add --branches to import them too.")
    if done["continued"]:
        print_note(
            "Sessions that were continued on both sides are left alone. To see what is new in the other tool, import "
            "the conversation with --session ID --sessions-dir DIR into another folder."
        )
    if lost:
        would = "Would be left out" if options.dry_run else "Left out"
        print_note(f"{would}, because a session has no place for it: {listed(lost)}.")
    if scan.problems:
        print_note(f"Not readable: {listed(scan.problems)}.")
    if scan.empty and not done:
        name, form = next(iter(scan.empty.items()))
        label = FORMATS[form].label
        if options.form:
            print_note(f"{name} is not in the format of {label}. Without --from, the format is recognized by content.")
        else:
            print_note(f"{name}{_more(scan.empty)} is in the format of {label}, and has no messages.")
    if len(scan.unknown) == 1 and Path(scan.unknown[0]).is_file() and not size_of(Path(scan.unknown[0])):
        print_note(f"{scan.unknown[0]} is empty.")
    elif scan.unknown:
        print_note(f"Not recognized: {scan.unknown[0]}{_more(scan.unknown)}. --from names the format of a file.")
    if done["imported"] and not options.dry_run:
        print_note(f"They are in {store.sessions_dir}{'' if options.sessions_dir else '; /resume lists them'}.")


def _none_found(options: ImportOptions, scan: Scan) -> str:
    """Return the sentence for an import without results; empty if others explain it."""
    if scan.refused["older"]:
        return ""
    if options.session:
        where = " in this folder. Add --all to look in others" if scan.refused["elsewhere"] else ""
        return f"No conversation has the ID {options.session}{where}."
    if scan.refused["elsewhere"]:
        return _none_here(FORMATS[options.what].label, more=True)
    if scan.companions and not (scan.empty or scan.unknown or scan.problems):
        name = scan.companions[0]
        return (
            f"{name}{_more(scan.companions)} belongs to a conversation in another file. Import that file or its folder."
        )
    return "" if scan.empty or scan.unknown or scan.problems else "No conversations were found."


def _more(names: Collection[str]) -> str:
    return f" and {len(names) - 1:,} more" if len(names) > 1 else ""


def _list_tools(options: ImportOptions) -> int:
    """List the tools that have sessions for this folder, or for any."""
    rows = list(_count_all() if options.all else _count_here())
    for row in rows:
        if options.as_json:
            print_line(json_line({"tool": row.tool, "sessions": row.sessions, "files": row.files, "bytes": row.size}))
        else:
            counted = quantity(row.files, "file") if row.sessions is None else quantity(row.sessions, "session")
            print_line(f"{row.tool:<13} {FORMATS[row.tool].label:<14} {counted}, {_size(row.size)}")
    if rows and not options.as_json:
        everywhere = " --all" if options.all and rows[0].tool in PROJECT_TOOLS else ""
        print_note(f"Run `aloop import {rows[0].tool}{everywhere}` to import them.")
    elif not rows:
        where = "on this machine" if options.all else "for this folder"
        rest = "" if options.all or not any(_count_all()) else " `aloop import --all` lists those of all folders."
        help_text = "`aloop import --help` shows what can be imported."
        print_note(f"No other tool has sessions {where}.{rest or f' {help_text}'}")
    return 0


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= _MEGABYTES else f"{size / 1e3:,.1f} KB"


class _Row(NamedTuple):
    """The sessions of a tool; None if the files would have to be read to count them."""

    tool: str
    sessions: int | None
    files: int
    size: int


def _count_all() -> Iterator[_Row]:
    """Count the files of each tool; those in projects, only of this one."""
    for tool in FORMATS:
        if found := files_of(tool, Path.cwd(), everywhere=True):
            yield _Row(tool, None, len(found), sum(map(size_of, found)))


def _count_here() -> Iterator[_Row]:
    here = Path.cwd()
    for tool in FORMATS:
        sessions = None
        found = files_of(tool, here)
        if tool in PROJECT_TOOLS and tool not in _UNPLACED:
            try:
                paths = [glimpse.path for glimpse in glimpses_of(tool, here)]
                sessions, found = len(paths), list(dict.fromkeys(paths))
            except (StorageError, sqlite3.Error, OSError) as error:
                reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
                print_note(f"Not readable: {FORMATS[tool].label}: {reason}")
                continue
        elif notes_folders(tool):
            found = [path for path in found if _may_be_here(path, here)]
        if found:
            yield _Row(tool, sessions, len(found), sum(map(size_of, found)))


def _may_be_here(path: Path, here: Path) -> bool:
    """Return True unless the beginning of a file names another folder than this one."""
    noted = as_noted(here)
    try:
        head = Source(path).head
    except OSError:
        return True  # the import reports the problem
    # JSON may escape other characters.
    return not noted.isascii() or json.dumps(noted)[1:-1].encode() in head or b'"cwd"' not in head
