"""``aloop import``: the list, the import, and its report.

Results go to standard output; the progress bar and notes go to standard error.
"""

from __future__ import annotations

import errno
import gc
import shlex
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from aloop.cli.console import ProgressBar, json_line, output_width, print_line, print_note
from aloop.cli.exchange.import_rows import ImportTable, import_record, listed, unreadable
from aloop.cli.exchange.importing import ImportOptions
from aloop.errors import SHORT_ID, AloopError, SessionError, StorageError, UsageError
from aloop.formatting import display_path, expand_home, format_time, quantity
from aloop.importers.databases.sqlite import SQLITE
from aloop.importers.formats import FORMATS, KINDS, PROJECT_TOOLS, TOOLS
from aloop.importers.imported import Imported
from aloop.importers.places import files_of, folders_here, notes_folders, places_of
from aloop.importers.run import Scan, Selection, find_files, packed_as, size_of
from aloop.importers.source import Source
from aloop.importers.storing.store import ImportStore, Outcome
from aloop.interrupts import INTERRUPTED, DelayedInterrupt
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.trust_file import TrustFile
from aloop.terminal import settle_output
from aloop.text import closest_match

_STDIN = "-"
_STOPPED = "Stopped. All conversations imported so far are complete; run the same command again for the rest."
_SHORTEST_ID = 4
_PAGES = frozenset({".html", ".htm"})
_SLOW = 5_000_000
"""Bytes from which on an import shows at once that it is at work."""
_FOR_ALL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Errors that would meet every other conversation, too."""
_FAILED = frozenset({"in use", "unreadable", "too large"})
"""Actions for conversations that should have been imported, and could not be."""


def run_import(options: ImportOptions) -> int:
    """Import what ``options`` name, or list what is there; raises AloopError."""
    if not options.what:
        if flag := next((name for name, value in _flags(options).items() if value), ""):
            raise UsageError(f"{flag} is for an import. Name a tool, a file or a folder, as in `aloop import codex`.")
        # Loaded only here, because it loads most formats.
        from aloop.cli.exchange.import_list import list_tools

        return list_tools(options)
    selection = Selection(options.form, options.session, since=options.since, branches=options.branches)
    scan = Scan(selection)
    if _STDIN in options.what:
        if len(options.what) > 1:
            raise UsageError("Standard input is imported alone. Name the others in another command.")
        data = sys.stdin.buffer.read()
        if not data.strip():
            raise UsageError("Standard input is empty. Pipe a conversation into `aloop import -`.")
        if packed_as(data) or data.startswith(SQLITE):
            what = "an archive" if packed_as(data) else "a database"
            raise UsageError(f"Standard input is {what}. Give the path of the file instead of `-`.")
        return _import(options, scan, scan.read_source(Source(None, data)), 0)
    targets = [_target(options, what, scan) for what in dict.fromkeys(options.what)]
    paths = [path for target in targets for path in target.paths]
    if not scan.problems:
        for target in targets:
            if not target.paths:
                print_note(_nothing_at(options, target.what))
        if not paths:
            return 0
    return _import(options, scan, _conversations(targets, scan), sum(map(size_of, paths)))


def _flags(options: ImportOptions) -> dict[str, object]:
    """Return the values of the options that the list of tools does not have."""
    flags = {"--from": options.form, "--session": options.session, "--since": options.since}
    return {**flags, "--branches": options.branches, "--dry-run": options.dry_run}


def _nothing_at(options: ImportOptions, what: str) -> str:
    """Return the sentence for a tool without files, or a folder without any to read."""
    if not _is_tool(what):
        return f"No conversations were found in {what}."
    label = FORMATS[what].label
    if not places_of(what, Path.cwd()):
        raise UsageError(f"Conversations of {label} are imported from a file: give its path instead of `{what}`.")
    if options.all or what not in PROJECT_TOOLS:
        return f"{label} has no sessions on this machine."
    return _none_here(options, label, more=bool(files_of(what, Path.cwd(), everywhere=True)))


def _is_tool(what: str) -> bool:
    return what in FORMATS and not expand_home(what).exists()


def _none_here(options: ImportOptions, label: str, *, more: bool) -> str:
    rest = " Add --all for those of other folders." if more else ""
    return f"{label} has no sessions for {_here(options)}.{rest}"


def _here(options: ImportOptions) -> str:
    """Return words for the folders whose sessions are looked for."""
    _, *above = _folders(options)
    return f"this folder or its project, {display_path(above[0])}" if above else "this folder"


def _folders(options: ImportOptions) -> tuple[Path, ...]:
    return folders_here(resolve_sessions_dir(options.sessions_dir))


class _Target(NamedTuple):
    """The files to read for an argument; of a tool, only sessions of ``folders``."""

    what: str
    paths: list[Path]
    folders: tuple[Path, ...] = ()
    known: frozenset[str] = frozenset()


def _target(options: ImportOptions, what: str, scan: Scan) -> _Target:
    def note(error: OSError) -> None:
        scan.problems[f"folders that cannot be read: {error.filename}: {error.strerror or error}"] = 1

    path = expand_home(what)
    if _is_tool(what):
        folders = _folders(options)
        found = [path for folder in folders for path in files_of(what, folder, everywhere=options.all, on_error=note)]
        if options.all or not notes_folders(what):
            return _Target(what, list(dict.fromkeys(found)))
        from aloop.importers.peek import Stored  # loads most formats

        moved = Stored(resolve_sessions_dir(options.sessions_dir)).moved(what)
        found += [origin.path for origin in moved.values() if origin.path.is_file()]
        return _Target(what, list(dict.fromkeys(found)), folders, frozenset(moved))
    guess = next((name for name in TOOLS if name.startswith(what)), closest_match(what, TOOLS))
    if guess and not path.exists():
        raise UsageError(f"{what} does not exist. Did you mean the tool '{guess}'?")
    return _Target(what, find_files(path, note))


def _conversations(targets: Iterable[_Target], scan: Scan) -> Iterator[Imported]:
    for target in targets:
        scan.selection.folders, scan.selection.known = target.folders, target.known
        yield from scan.read(target.paths)


def _import(options: ImportOptions, scan: Scan, found: Iterable[Imported], total: int) -> int:
    gc.freeze()  # The many small objects of a file set off collections, in which the loaded modules need no search.
    done: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    table = ImportTable(output_width(), dry=options.dry_run)
    added: Counter[str] = Counter()
    left_alone = ""
    read = 0
    stopped: BaseException | None = None
    with ProgressBar("Reading", "MB", is_wanted=not options.as_json, is_slow=total >= _SLOW) as bar:
        bar.show(0, total)
        store = ImportStore(options.sessions_dir, dry=options.dry_run, on_write=_Acceptance().add)

        def show(size: int) -> None:
            nonlocal read
            read += size
            bar.show(read, total)

        scan.on_read, scan.is_stored = show, store.has
        try:
            for imported in found:
                try:
                    with DelayedInterrupt():  # a conversation is written as a whole, and counted
                        outcome = store.put(imported)
                        done[outcome.action] += 1
                        left_alone = left_alone or (outcome.session_id if outcome.action == "continued" else "")
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
        except (KeyboardInterrupt, AloopError, OSError) as error:  # even if standard output cannot be written
            stopped = error
            if done and not options.dry_run:
                bar.stop(_STOPPED)
            elif isinstance(error, KeyboardInterrupt):
                bar.stop("Stopped. Nothing was imported.")
    _summarize(options, scan, store, done, lost, added, is_stopped=stopped is not None)
    if left_alone:
        print_note(_comparison(options, left_alone))
    if stopped and not isinstance(stopped, KeyboardInterrupt):
        raise stopped
    has_folder = any(expand_home(what).is_dir() for what in options.what)
    is_unknown = (scan.unknown or scan.empty or scan.companions) and not done and not has_folder
    is_partial = scan.is_partial or _FAILED & done.keys()
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
    try:
        if options.as_json:
            print_line(json_line(import_record(imported, outcome, dry=options.dry_run)))
        else:
            for line in table.lines(imported, outcome):
                print_line(line)
    except BrokenPipeError:
        if options.dry_run:
            raise
        settle_output()  # the reader, such as `head`, has seen enough, and the rest is imported


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
    exports = "an export of a session" if done["exported"] == 1 else "exports of sessions"
    new |= {"in trash": "in the trash", "continued": "left alone", "exported": f"skipped as {exports} here"}
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
        them = "it" if scan.left_out.total() == 1 else "them"
        print_note(f"Left out: {' and '.join(left)}. Add --branches to import {them} too.")
    if lost:
        would = "Would be left out" if options.dry_run else "Left out"
        print_note(f"{would}, because a session has no place for them: {listed(lost)}.")
    for problem in unreadable(scan):
        print_note(f"Skipped: {problem}.")
    if scan.empty and done and not all(map(_is_tool, options.what)):  # tools often leave files without messages
        has_have = "has" if len(scan.empty) == 1 else "have"
        print_note(
            f"{quantity(len(scan.empty), 'file')} {has_have} no messages: {next(iter(scan.empty))}{_more(scan.empty)}."
        )
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
        is_page = Path(scan.unknown[0]).suffix.lower() in _PAGES
        advice = "Pages are for reading: import the JSON export instead." if is_page else "Name its format with --from."
        print_note(f"Not recognized: {scan.unknown[0]}{_more(scan.unknown)}. {advice}")
    if done["imported"] and not options.dry_run:
        print_note(f"They are in {store.sessions_dir}{'' if options.sessions_dir else '; /resume lists them'}.")


def _comparison(options: ImportOptions, session_id: str) -> str:
    """Return the note with a command that imports a session into another folder."""
    short = session_id[:SHORT_ID]
    words = ["aloop", "import", *map(shlex.quote, options.what)]
    words += ["--from", options.form] if options.form else []
    words += ["--all"] * options.all + ["--branches"] * options.branches
    command = " ".join([*words, "--session", short, "--sessions-dir", f"~/aloop-{short}"])
    return (
        "Sessions that differ here and there are left alone. To see what is new in the other tool, import such "
        f"a session into another folder:\n  {command}"
    )


def _none_found(options: ImportOptions, scan: Scan) -> str:
    """Return the sentence for an import without results; empty if others explain it."""
    if scan.refused["older"]:
        return ""
    if options.session:
        where = " in this folder. Add --all to look in others" if scan.refused["elsewhere"] else ""
        short = " The start of an ID here has at least 4 characters." if len(options.session) < _SHORTEST_ID else ""
        return f"No conversation has the ID {options.session}{where}.{short}"
    if scan.refused["elsewhere"]:
        labels = " and ".join(FORMATS[what].label for what in options.what if _is_tool(what))
        return _none_here(options, labels, more=True)
    if scan.companions and not (scan.empty or scan.unknown or scan.is_partial):
        name = scan.companions[0]
        return (
            f"{name}{_more(scan.companions)} belongs to a conversation in another file. Import that file or its folder."
        )
    return "" if scan.empty or scan.unknown or scan.is_partial else "No conversations were found."


def _more(names: Collection[str]) -> str:
    return f" and {len(names) - 1:,} more" if len(names) > 1 else ""
