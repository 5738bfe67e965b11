"""``aloop sessions …``: records in from MemoryManager, plain lines or lines of JSON out.

What was asked for goes to standard output; questions and remarks go to standard error.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable

from aloop.cli import Action, SessionsOptions
from aloop.errors import SessionFileError, SessionNotFound
from aloop.memory import MemoryManager
from aloop.memory.session import MIN_DELETE_PREFIX
from aloop.sessions_json import json_line, session_record, stats_record, summary_record
from aloop.sessions_text import list_lines, message_lines, show_lines, stats_lines
from aloop.visible import visible


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
            print(json_line(summary_record(row)))
        return 0
    if not rows:
        _remark(f"No sessions are saved in {MemoryManager(sessions_dir=options.sessions_dir).sessions_dir} yet.")
        return 0
    for line in list_lines(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        _print(line)
    if len(found) > len(rows):
        _remark(f"There are more than these {len(rows)}; --limit N shows more.")
    return 0


def _show(options: SessionsOptions, runner: asyncio.Runner) -> int:
    session = runner.run(MemoryManager.load_session(options.id, sessions_dir=options.sessions_dir))
    if options.as_json:
        print(json_line(session_record(session, messages=options.messages)))
        return 0
    for line in show_lines(session):
        _print(line)
    if options.messages:
        for message in (*session.system_messages, *session.messages):
            _print("")
            for line in message_lines(message):
                _print(line)
    for warning in session.warnings:
        _remark(warning)
    return 0


def _stats(options: SessionsOptions, runner: asyncio.Runner) -> int:
    stats = runner.run(MemoryManager.session_stats(options.id, sessions_dir=options.sessions_dir))
    if options.as_json:
        print(json_line(stats_record(stats)))
        return 0
    for line in stats_lines(stats):
        _print(line)
    return 0


def _delete(options: SessionsOptions, runner: asyncio.Runner) -> int:
    session_id = runner.run(_find(options))
    # A beginning too short to delete by is refused below, whatever the answer would be.
    if not options.yes and len(options.id.strip()) >= MIN_DELETE_PREFIX:
        if not sys.stdin.isatty():
            _remark("Nothing was deleted: there is no terminal to ask on. Add --yes to delete without a question.")
            return 1
        if not _agree(f"Delete {runner.run(_describe(session_id, options))}? [y/N] "):
            _remark("Nothing was deleted.")
            return 1
    trash = runner.run(MemoryManager.delete_session(options.id, sessions_dir=options.sessions_dir))
    if options.as_json:
        print(json_line({"deleted": session_id, "trash": trash}))
    else:
        _print(f"Deleted session {session_id[:8]}. Until you empty the trash it lies in {trash}")
    return 0


async def _find(options: SessionsOptions) -> str:
    found = await MemoryManager.find_session_by_prefix(options.id, sessions_dir=options.sessions_dir)
    if found is None:
        raise SessionNotFound(options.id)
    return found


async def _describe(session_id: str, options: SessionsOptions) -> str:
    """Name a session so that its owner knows it, also when its file can not be read."""
    try:
        session = await MemoryManager.load_session(session_id, sessions_dir=options.sessions_dir)
    except SessionFileError as error:
        return f"session {session_id[:8]}, which can not be read ({error})"
    return f"session {session_id[:8]}, “{session.title}”, {len(session.messages)} messages"


def _agree(question: str) -> bool:
    sys.stderr.write(visible(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _print(line: str) -> None:
    print(visible(line))


def _remark(sentence: str) -> None:
    print(visible(sentence), file=sys.stderr)


_ACTIONS: dict[Action, Callable[[SessionsOptions, asyncio.Runner], int]] = {
    "list": _list,
    "show": _show,
    "stats": _stats,
    "delete": _delete,
}
