"""The actions of ``aloop sessions``, which print text or JSON."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aloop.cli.console import ProgressBar, confirm, json_line, output_width, print_line, print_marked, print_note
from aloop.cli.exchange.export_actions import export_document
from aloop.cli.git.setup import set_up
from aloop.cli.sessions.command import SessionsAction, SessionsOptions
from aloop.cli.sessions.output import (
    describe,
    finding_record,
    hit_line,
    hit_record,
    hit_session_line,
    interrupted_text,
    list_lines,
    message_lines,
    project_record,
    session_record,
    show_lines,
    stats_lines,
    stats_record,
    summary_record,
    trash_lines,
    trashed_record,
)
from aloop.config.settings import Settings
from aloop.errors import SessionNotFound
from aloop.formatting import display_path, quantity
from aloop.llm.cost.pricing import PriceList
from aloop.llm.cost.spending import SpendingLog
from aloop.memory import SessionLibrary, SessionSummary
from aloop.memory.projects import AllProjects
from aloop.memory.search.search import Hit
from aloop.memory.session import require_prefix_length
from aloop.memory.sessions_dir.catalog import short_name_of
from aloop.memory.sessions_dir.registry import Registry, project_of
from aloop.memory.sessions_dir.text_check import Finding
from aloop.sanitize import visible
from aloop.width import fit


def _export(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    session = runner.run(library.load(options.id))
    return export_document(session, options.form, options.path)


def _delete(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    # Before the search and the question: a short prefix is an error even if it matches one session.
    require_prefix_length(options.id)
    session_id = runner.run(_find(options.id, library))
    if not options.yes:
        question = f"Delete {runner.run(_describe(session_id, library))}?"
        if not confirm(question, "to delete", "deleted"):
            return 1
    # By full ID: the prefix may match another session by now.
    trash = runner.run(library.delete(session_id))
    short = short_name_of(session_id, trash.name)
    if options.as_json:
        _print_records([{"deleted": session_id, "trash": trash}])
    else:
        advice = f"Run `aloop sessions restore {shlex.quote(short)}` to restore it."
        print_line(f"Deleted session {short} (moved to {display_path(trash)}). {advice}")
    return 0


def _list_trash(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    sessions = runner.run(library.list_trash())
    if options.as_json:
        _print_records(map(trashed_record, sessions))
        return 0
    if not sessions:
        print_note("The trash is empty.")
        return 0
    for line in trash_lines(sessions, output_width()):
        print_line(line)
    print_note("Run `aloop sessions restore ID` to restore one, `aloop sessions purge` to delete all permanently.")
    return 0


def _restore(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    summary = runner.run(library.restore(options.id))
    if options.as_json:
        _print_records([summary_record(summary)])
    else:
        folder = summary.path.parent
        print_line(f"Restored session {short_name_of(summary.id, folder.name)} to {display_path(folder)}")
    return 0


def _purge(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    if options.id:
        require_prefix_length(options.id)
    sessions = runner.run(library.list_trash(options.id or None))
    amount = f"{quantity(len(sessions), 'session')}, {quantity(sum(session.size for session in sessions), 'byte')}"
    if sessions and not options.yes and not confirm(f"Permanently delete {amount}?", "to delete", "deleted"):
        return 1
    # Only the sessions of the question, not those deleted since.
    runner.run(library.purge(sessions))
    if options.as_json:
        _print_records(map(trashed_record, sessions))
    else:
        print_line(f"Permanently deleted {amount}." if sessions else "The trash is empty.")
    return 0


async def _find(prefix: str, library: SessionLibrary) -> str:
    found = await library.find_by_prefix(prefix)
    if found is None:
        raise SessionNotFound(prefix)
    return found


async def _describe(session_id: str, library: SessionLibrary) -> str:
    rows = await library.list_sessions(1, prefix=session_id)
    if not rows:
        raise SessionNotFound(session_id)
    return describe(rows[0])


def _search(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    with _session_bar("Searching", options, "Stopped. There may be more matches.") as bar:
        found = runner.run(_print_hits(options, library, bar))
    if not found:
        print_note("No matches.")
    return 0


async def _print_hits(options: SessionsOptions, library: SessionLibrary, bar: ProgressBar) -> int:
    """Print the matches, and return how many."""
    shown, last = 0, None
    async for sessions_dir, hit in _find_hits(options, library, bar):
        bar.clear()
        if shown == options.limit:
            print_note(_more_than(shown))
            break
        # Clones of a project have sessions with the same ID.
        session = sessions_dir, hit.session.id
        if options.as_json:
            project = {"project": project_of(sessions_dir)} if sessions_dir else {}
            folder = {"sessions_dir": sessions_dir or library.sessions_dir}
            _print_records([hit_record(hit) | folder | project])
        else:
            _print_hit(hit, sessions_dir, begins=session != last)
        sys.stdout.flush()
        shown, last = shown + 1, session
    return shown


def _session_bar(title: str, options: SessionsOptions, if_stopped: str = "Stopped.") -> ProgressBar:
    """Return a bar that is not mixed with JSON or with what a pager shows."""
    is_wanted = sys.stdout.isatty() and not options.as_json
    return ProgressBar(title, "sessions", is_wanted=is_wanted, if_stopped=if_stopped)


def _as_query(words: tuple[str, ...]) -> str:
    """Quote each argument of several words: the shell has removed the quotes."""
    return " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)


async def _find_hits(
    options: SessionsOptions, library: SessionLibrary, bar: ProgressBar
) -> AsyncIterator[tuple[Path | None, Hit]]:
    """Yield matches, and in a search of all projects their sessions folders."""
    query = _as_query(options.words)
    if options.all_projects:
        async for sessions_dir, hit in _all_projects(library).search(query, bar.show):
            yield sessions_dir, hit
    else:
        async for hit in library.search(query, bar.show):
            yield None, hit


def _print_hit(hit: Hit, sessions_dir: Path | None, *, begins: bool) -> None:
    width = output_width()
    if begins:
        line = hit_session_line(hit, sessions_dir)
        print_line(line if width is None or hit.problem else fit(visible(line), width))
    if hit.context:
        line, marks = hit_line(hit)
        bold = width is not None and not os.environ.get("NO_COLOR")
        print_marked(line if width is None else fit(visible(line), width), marks if bold else ())


def _print_records(records: Iterable[Mapping[str, Any]]) -> None:
    for record in records:
        print_line(json_line(record))


def _more_than(count: int) -> str:
    shown = "Only the first is shown" if count == 1 else f"Only the first {count:,} are shown"
    return f"{shown}; use --limit N for more."


def run_sessions(options: SessionsOptions) -> int:
    """Run the action of ``options`` and return the exit code; raises AloopError."""
    # One loop for all calls, not running during a question: a running loop swallows the first Ctrl-C.
    with asyncio.Runner() as runner:
        library = SessionLibrary(options.sessions_dir)
        # Path.is_dir raises an error without permission, before Python 3.14; the action explains it.
        if options.sessions_dir is None and os.path.isdir(library.sessions_dir):  # noqa: PTH112 - see above
            Registry.of_user().add(library.sessions_dir)
        return _ACTIONS[options.action](options, library, runner)


def _all_projects(library: SessionLibrary) -> AllProjects:
    if not Settings.from_env().all_projects:
        print_note("The setting all_projects is off, so other projects are not remembered.")
    return AllProjects(library.sessions_dir)


def _list(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    # One more than is shown, to know if there are more.
    with _session_bar("Reading", options) as bar:
        if options.tag:
            found = runner.run(_list_tagged(options, library, bar))
        elif options.all_projects:
            found = runner.run(_all_projects(library).list_sessions(options.limit + 1, bar.show))
        else:
            found = runner.run(library.list_sessions(options.limit + 1, on_read=bar.show))
    rows = found[: options.limit]
    _print_list(rows, options, library, has_more=len(found) > len(rows))
    if not (options.tag or options.all_projects):
        count = runner.run(library.count_interrupted([row.path.parent for row in rows]))
        if note := interrupted_text(count, "listed"):
            print_note(note)
    return 0


def _print_list(
    rows: Sequence[SessionSummary], options: SessionsOptions, library: SessionLibrary, *, has_more: bool
) -> None:
    if options.as_json:
        _print_records(map(project_record if options.all_projects else summary_record, rows))
        return
    if not rows and options.tag:
        print_note(f"No session has the tag {options.tag!r}.")
        return
    if not rows and options.all_projects:
        print_note("No sessions are saved in your projects yet.")
        return
    if not rows:
        print_note(f"No sessions are saved in {display_path(library.sessions_dir)} yet.")
        return
    for line in list_lines(rows, output_width(), with_project=options.all_projects):
        print_line(line)
    if has_more:
        print_note(_more_than(len(rows)))


async def _list_tagged(options: SessionsOptions, library: SessionLibrary, bar: ProgressBar) -> list[SessionSummary]:
    folders = _all_projects(library).folders if options.all_projects else [library.sessions_dir]
    tag, found = options.tag.removeprefix("#"), []
    for folder in folders:
        async for row, _ in SessionLibrary(folder).list_annotated(tag, bar.show):
            found.append(row)
            if len(found) > options.limit and len(folders) == 1:
                break
    return sorted(found, key=lambda row: row.updated_at, reverse=True)


def _show(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    session = runner.run(library.load(options.id))
    if options.as_json:
        _print_records([session_record(session, messages=options.messages)])
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


def _stats(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    settings = Settings.from_env()
    prices = PriceList(settings.prices)
    stats = runner.run(library.stats(options.id, prices))
    month = SpendingLog(settings.history_file.parent).month(prices)
    if options.as_json:
        _print_records([stats_record(stats, month)])
        return 0
    for line in stats_lines(stats, month):
        print_line(line)
    return 0


def _check(options: SessionsOptions, library: SessionLibrary, runner: asyncio.Runner) -> int:
    fixed = "All repairs so far are complete; run the same command again for the rest."
    stopped = f"Stopped. {fixed if options.fix else 'The check is not complete.'}"
    with _session_bar("Checking", options, stopped) as bar:
        findings = runner.run(library.check(options.id or None, fix=options.fix, on_read=bar.show))
    for finding in findings:
        print_line(json_line(finding_record(finding)) if options.as_json else str(finding))
    print_note(_verdict(findings))
    return 0 if all(finding.fixed for finding in findings) else 1


def _verdict(findings: Sequence[Finding]) -> str:
    """Return the last sentence of a check: how many problems were found and fixed."""
    if not findings:
        return "No problems found."
    found = quantity(len(findings), "problem")
    fixed = [finding for finding in findings if finding.fixed]
    if not fixed:
        fixable = sum(finding.fixable for finding in findings)
        return f"Found {found}, {f'{fixable:,}' if fixable else 'none'} fixable with --fix."
    outcome = f"Found {found}: {len(fixed):,} fixed, {len(findings) - len(fixed):,} left."
    # A problem with a line number is in the text of a file.
    copied = any(finding.line for finding in fixed)
    return f"{outcome} The previous text is kept as session.before-….yaml." if copied else outcome


def _git_setup(_: SessionsOptions, library: SessionLibrary, __: asyncio.Runner) -> int:
    done = set_up(library.sessions_dir)
    for sentence in done:
        print_line(sentence)
    if done:
        print_note("Sessions contain everything that you and the tools wrote: read them before you commit them.")
    else:
        print_line("git was already set up for these sessions.")
    return 0


_ACTIONS: dict[SessionsAction, Callable[[SessionsOptions, SessionLibrary, asyncio.Runner], int]] = {
    "list": _list,
    "show": _show,
    "search": _search,
    "stats": _stats,
    "export": _export,
    "check": _check,
    "delete": _delete,
    "trash": _list_trash,
    "restore": _restore,
    "purge": _purge,
    "git-setup": _git_setup,
}
