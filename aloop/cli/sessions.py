"""``aloop sessions …``: records in from MemoryManager, plain lines or lines of JSON out.

``aloop sessions export``: a session as a document, on standard output or in a file.

``aloop sessions delete``, ``trash``, ``restore`` and ``purge``: out of sight, back again, or gone for good.

``aloop sessions search``: each match as soon as it is found, under a line that names its session.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aloop.cli.console import confirm, print_line, print_marked, print_note
from aloop.cli.parser import SessionsAction as Action
from aloop.cli.parser import SessionsOptions
from aloop.errors import SessionNotFound
from aloop.export import export_path, read_format, render, write_export
from aloop.formatting import (
    cut,
    describe,
    finding_record,
    hit_line,
    hit_record,
    hit_session_line,
    json_line,
    list_lines,
    message_lines,
    session_record,
    show_lines,
    stats_lines,
    stats_record,
    summary_record,
    trash_lines,
    trashed_record,
)
from aloop.memory import MemoryManager
from aloop.memory.search.search import Hit
from aloop.memory.session import require_prefix_length
from aloop.memory.sessions_dir.catalog import short_name_of
from aloop.memory.sessions_dir.check import Finding
from aloop.text import quantity

STDOUT = "-"


def export(options: SessionsOptions, runner: asyncio.Runner) -> int:
    form = read_format(options.form)
    session = runner.run(MemoryManager.load_session(options.id, sessions_dir=options.sessions_dir))
    text = render(session, form)
    if options.path in ("", STDOUT):
        sys.stdout.write(text)
        return 0
    path = export_path(session, form, options.path, Path.cwd())
    write_export(path, text)
    print_note(f"Written: {path}")
    return 0


def delete(options: SessionsOptions, runner: asyncio.Runner) -> int:
    # First of all: too little of an id is refused whatever it finds, and whatever the answer would be.
    require_prefix_length(options.id)
    session_id = runner.run(_find(options))
    if not options.yes:
        question = f"Delete {runner.run(_describe(session_id, options))}?"
        if not confirm(question, "to delete", "deleted"):
            return 1
    # The one that was asked about, whatever the prefix means by now.
    trash = runner.run(MemoryManager.delete_session(session_id, sessions_dir=options.sessions_dir))
    short = short_name_of(session_id, trash.name)
    if options.as_json:
        print_line(json_line({"deleted": session_id, "trash": trash}))
    else:
        print_line(f"Deleted session {short}. aloop sessions restore {shlex.quote(short)} brings it back from {trash}")
    return 0


def list_trash(options: SessionsOptions, runner: asyncio.Runner) -> int:
    sessions = runner.run(MemoryManager.list_trash(sessions_dir=options.sessions_dir))
    if options.as_json:
        for session in sessions:
            print_line(json_line(trashed_record(session)))
        return 0
    if not sessions:
        print_note("The trash is empty.")
        return 0
    for line in trash_lines(sessions, shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        print_line(line)
    print_note("aloop sessions restore ID brings one back; aloop sessions purge removes them for good.")
    return 0


def restore(options: SessionsOptions, runner: asyncio.Runner) -> int:
    summary = runner.run(MemoryManager.restore_session(options.id, sessions_dir=options.sessions_dir))
    if options.as_json:
        print_line(json_line(summary_record(summary)))
    else:
        print_line(
            f"Restored session {short_name_of(summary.id, summary.path.parent.name)}. It is in {summary.path.parent}"
        )
    return 0


def purge(options: SessionsOptions, runner: asyncio.Runner) -> int:
    if options.id:
        require_prefix_length(options.id)
    sessions = runner.run(MemoryManager.list_trash(options.id or None, sessions_dir=options.sessions_dir))
    what = f"{quantity(len(sessions), 'session')}, {quantity(sum(session.size for session in sessions), 'byte')}"
    if sessions and not options.yes and not confirm(f"Remove {what}, for good?", "to purge", "removed"):
        return 1
    # What was asked about goes, and nothing that was deleted meanwhile.
    runner.run(MemoryManager.purge_trash(sessions, sessions_dir=options.sessions_dir))
    if options.as_json:
        for session in sessions:
            print_line(json_line(trashed_record(session)))
    else:
        print_line(f"Removed {what}." if sessions else "The trash is empty.")
    return 0


async def _find(options: SessionsOptions) -> str:
    found = await MemoryManager.find_session_by_prefix(options.id, sessions_dir=options.sessions_dir)
    if found is None:
        raise SessionNotFound(options.id)
    return found


async def _describe(session_id: str, options: SessionsOptions) -> str:
    rows = await MemoryManager.list_sessions(1, prefix=session_id, sessions_dir=options.sessions_dir)
    if not rows:
        raise SessionNotFound(session_id)
    return describe(rows[0])


def search(options: SessionsOptions, runner: asyncio.Runner) -> int:
    """Print what is found and return 0, whether that is something or nothing."""
    return runner.run(_search(options))


async def _search(options: SessionsOptions) -> int:
    shown, session = 0, ""
    async for hit in MemoryManager.search_sessions(_as_query(options.words), sessions_dir=options.sessions_dir):
        if shown == options.limit:
            print_note(f"There are more than these {shown}; --limit N shows more.")
            return 0
        if options.as_json:
            print_line(json_line(hit_record(hit)))
        else:
            _print_hit(hit, begins=hit.session.id != session)
        sys.stdout.flush()
        shown, session = shown + 1, hit.session.id
    if not shown:
        print_note("Nothing was found.")
    return 0


def _as_query(words: tuple[str, ...]) -> str:
    """Put quotes round what came as one argument: the shell has taken away those that were typed."""
    return " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)


def _print_hit(hit: Hit, *, begins: bool) -> None:
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else None
    if begins:
        line = hit_session_line(hit)
        print_line(line if width is None or hit.problem else cut(line, width))
    if hit.context:
        line, marks = hit_line(hit)
        bold = on_terminal and not os.environ.get("NO_COLOR")
        print_marked(line if width is None else cut(line, width), marks if bold else ())


def run_sessions(options: SessionsOptions) -> int:
    """Do what ``options`` ask for and return the exit code; raises AloopError for what can not be done."""
    # One loop for all calls, and none running while a question waits: a loop would swallow the first Ctrl-C.
    with asyncio.Runner() as runner:
        return _ACTIONS[options.action](options, runner)


def _list(options: SessionsOptions, runner: asyncio.Runner) -> int:
    # One more than is shown tells whether there are more.
    found = runner.run(MemoryManager.list_sessions(options.limit + 1, sessions_dir=options.sessions_dir))
    rows = found[: options.limit]
    if options.as_json:
        for row in rows:
            print_line(json_line(summary_record(row)))
        return 0
    if not rows:
        print_note(f"No sessions are saved in {MemoryManager(sessions_dir=options.sessions_dir).sessions_dir} yet.")
        return 0
    for line in list_lines(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        print_line(line)
    if len(found) > len(rows):
        print_note(f"There are more than these {len(rows)}; --limit N shows more.")
    return 0


def _show(options: SessionsOptions, runner: asyncio.Runner) -> int:
    session = runner.run(MemoryManager.load_session(options.id, sessions_dir=options.sessions_dir))
    if options.as_json:
        print_line(json_line(session_record(session, messages=options.messages)))
        return 0
    for line in show_lines(session):
        print_line(line)
    if options.messages:
        for message in (*session.system_messages, *session.messages):
            print_line("")
            for line in message_lines(message):
                print_line(line)
    for warning in session.warnings:
        print_note(warning)
    return 0


def _stats(options: SessionsOptions, runner: asyncio.Runner) -> int:
    stats = runner.run(MemoryManager.session_stats(options.id, sessions_dir=options.sessions_dir))
    if options.as_json:
        print_line(json_line(stats_record(stats)))
        return 0
    for line in stats_lines(stats):
        print_line(line)
    return 0


def _check(options: SessionsOptions, runner: asyncio.Runner) -> int:
    findings = runner.run(
        MemoryManager.check_sessions(options.id or None, fix=options.fix, sessions_dir=options.sessions_dir)
    )
    for finding in findings:
        print_line(json_line(finding_record(finding)) if options.as_json else str(finding))
    print_note(_verdict(findings))
    return 0 if all(finding.fixed for finding in findings) else 1


def _verdict(findings: Sequence[Finding]) -> str:
    """Close a check in a sentence or two: how much was found, fixed, and can be fixed."""
    if not findings:
        return "Nothing odd was found."
    found = quantity(len(findings), "finding")
    fixed = [finding for finding in findings if finding.fixed]
    if not fixed:
        fixable = sum(finding.fixable for finding in findings)
        return f"{found}; --fix can mend {fixable:,}." if fixable else f"{found}, none that --fix could mend."
    outcome = f"{found}: {len(fixed):,} fixed, {len(findings) - len(fixed):,} left."
    # A finding with a place is one about the text.
    copied = any(finding.line for finding in fixed)
    return f"{outcome} What a file was before is kept beside it, as session.before-….yaml." if copied else outcome


_ACTIONS: dict[Action, Callable[[SessionsOptions, asyncio.Runner], int]] = {
    "list": _list,
    "show": _show,
    "search": search,
    "stats": _stats,
    "export": export,
    "check": _check,
    "delete": delete,
    "trash": list_trash,
    "restore": restore,
    "purge": purge,
}
