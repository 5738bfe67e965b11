"""``aloop sessions …``: records in from MemoryManager, plain lines or lines of JSON out."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence

from aloop.memory import MemoryManager
from aloop.memory.findings import Finding
from aloop.sessions_arguments import Action, SessionsOptions
from aloop.sessions_export import export
from aloop.sessions_json import finding_record, json_line, session_record, stats_record, summary_record
from aloop.sessions_output import print_line, remark
from aloop.sessions_removal import delete, list_trash, purge, restore
from aloop.sessions_search import search
from aloop.sessions_text import list_lines, message_lines, quantity, show_lines, stats_lines


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
        remark(f"No sessions are saved in {MemoryManager(sessions_dir=options.sessions_dir).sessions_dir} yet.")
        return 0
    for line in list_lines(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        print_line(line)
    if len(found) > len(rows):
        remark(f"There are more than these {len(rows)}; --limit N shows more.")
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
        remark(warning)
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
    remark(_verdict(findings))
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
