"""``aloop sessions delete``, ``trash``, ``restore`` and ``purge``: out of sight, back again, or gone for good."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys

from aloop.errors import SessionNotFound
from aloop.memory import MemoryManager
from aloop.memory.session import refuse_short
from aloop.memory.twins import short_name_of
from aloop.sessions_arguments import SessionsOptions
from aloop.sessions_json import json_line, summary_record, trashed_record
from aloop.sessions_output import has_yes, print_line, remark
from aloop.sessions_text import describe, quantity, trash_lines


def delete(options: SessionsOptions, runner: asyncio.Runner) -> int:
    # First of all: too little of an id is refused whatever it finds, and whatever the answer would be.
    refuse_short(options.id)
    session_id = runner.run(_find(options))
    if not options.yes:
        question = f"Delete {runner.run(_describe(session_id, options))}?"
        if not has_yes(question, "to delete", "deleted"):
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
        remark("The trash is empty.")
        return 0
    for line in trash_lines(sessions, shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        print_line(line)
    remark("aloop sessions restore ID brings one back; aloop sessions purge removes them for good.")
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
        refuse_short(options.id)
    sessions = runner.run(MemoryManager.list_trash(options.id or None, sessions_dir=options.sessions_dir))
    what = f"{quantity(len(sessions), 'session')}, {quantity(sum(session.size for session in sessions), 'byte')}"
    if sessions and not options.yes and not has_yes(f"Remove {what}, for good?", "to purge", "removed"):
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
