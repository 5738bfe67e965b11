"""Banner and farewell.

A file in the user's state folder, never in a project, records that aloop has been started before.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from aloop import __version__
from aloop.config.settings import Settings
from aloop.config.values import LOCAL_MODEL, OFFLINE_MODEL
from aloop.errors import SHORT_ID, LocalModelError, StorageError
from aloop.formatting import age, display_path, quantity
from aloop.local_model.models import TOY, default_model, full_name, title_of
from aloop.project import find_branch
from aloop.sanitize import safe_line
from aloop.width import fit, fit_parts, text_width, unjoined
from commands.project.folders import find_instruction_files, find_skill_files
from repl.options import ShellOptions
from repl.output.notices import error_lines
from repl.output.styled import Line, Span, fit_line, line
from repl.output.theme import Style

if TYPE_CHECKING:
    from aloop.memory.sessions_dir.header import Latest
    from commands.context import Context


_MARK_NAME = "welcomed"
_SHORTEST_TITLE = 8  # cells of a title in the banner


def is_first_start(settings: Settings) -> bool:
    """Return True if the user has neither started aloop nor a history of input lines."""
    # Not Path.exists, which raises if a parent folder is not accessible.
    return not any(map(os.path.exists, (_mark(settings), settings.history_file)))


def remember_start(settings: Settings) -> None:
    """Record that aloop has been started."""
    mark = _mark(settings)
    # If the file cannot be written, every start shows the welcome.
    with suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _mark(settings: Settings) -> Path:
    return settings.history_file.with_name(_MARK_NAME)


_NO_KEY = (
    "No API key: using the offline demo, not a language model. Set ANTHROPIC_API_KEY, or run `aloop local install`."
)


def expected_model(model: str | None, settings: Settings) -> str:
    """Return the name of the model that will answer, without loading it."""
    chosen = model or settings.model or default_model(settings)
    if chosen.isalpha() and chosen not in (OFFLINE_MODEL, LOCAL_MODEL):
        # Imported here for startup time: only an alias is a single word.
        from aloop.llm.models.names import resolve_alias

        return resolve_alias(chosen)
    with suppress(LocalModelError):  # the engine reports it
        return full_name(chosen, settings)
    return chosen


_HELP = "/ commands · ? keys · Ctrl-D quits"


def banner_lines(options: ShellOptions, width: int, *, is_first: bool = False) -> list[Line]:
    """Return the banner, with a note if the API key is missing.

    Its lines are aligned: the model; the folder with its branch; the instruction files and skills, if any; the session
    to resume.
    The first start also shows where sessions are saved, and that nothing is changed without asking.
    """
    model, settings = options.model, options.settings
    name = f"aloop {__version__}"
    indent = len(name) + 2
    answering = expected_model(model, settings)
    title = safe_line(title_of(answering))
    about = _about(answering) if is_first else ""
    if indent + text_width(title + about) >= width:
        about = ""
    lines = [
        line((Style.STRONG, f"{name:<{indent}}"), title, (Style.QUIET, about)),
        line((Style.QUIET, f"{'folder':<{indent}}"), *_folder()),
        line(*_last(options, indent, width - 1)),
    ]
    if read := _read():
        lines.insert(2, line((Style.QUIET, f"{'reads':<{indent}}"), safe_line(read)))
    if is_first:
        saved = line((Style.QUIET, f"{'saved in':<{indent}}"), safe_line(_sessions_folder(options)))
        lines.insert(len(lines) - 1, saved)
    lines = [fit_line(row, width - 1) for row in lines]
    if model is None and answering == OFFLINE_MODEL:
        lines += [line(row) for row in wrap(_NO_KEY, max(20, width - 1))]
    return lines


def _about(model: str) -> str:
    if model == OFFLINE_MODEL:
        return ""
    return " · runs on this machine" if model == TOY else " · asks before changes"  # TOY has no tools


def _folder() -> list[Span]:
    try:
        here = Path.cwd()
    except OSError:  # it was removed; the engine reports it
        return [(Style.PLAIN, "?")]
    branch = safe_line(find_branch(here))
    return [
        (Style.PLAIN, safe_line(display_path(here))),
        (Style.QUIET, f" ({branch})" if branch else ""),
    ]


def _read() -> str:
    """Return the instruction files and the number of skills; mark a new project."""
    try:
        here = Path.cwd()
        instructions, skills = find_instruction_files(here), find_skill_files(here)
    except OSError:  # the folder was removed; the engine reports it
        return ""
    found = [*instructions, *skills]
    if not found:
        return ""
    # Imported here for startup time: most folders have no such files.
    from aloop.memory.trust_file import TrustFile

    project = next((file.project for file in found if file.project), None)
    is_new = project is not None and not TrustFile.of_user().knows_project(project)
    names = [file.shown for file in instructions] + [quantity(len(skills), "skill")] * bool(skills)
    return ", ".join(names) + (" (not trusted yet)" if is_new else "")


def _last(options: ShellOptions, indent: int, width: int) -> list[Span]:
    """Return the last session and how to resume it, or the keys if there is none."""
    latest = _latest(options) if options.resume is None else None
    if latest is None:
        return [(Style.QUIET, f"{'help':<{indent}}"), (Style.PLAIN, fit_parts(_HELP, width - indent))]
    # Imported here for startup time: needed only if there is a session.
    from datetime import UTC, datetime

    when = age(datetime.fromtimestamp(latest.changed, UTC), datetime.now(UTC))
    command = f"/resume {latest.id[:SHORT_ID]}"
    room = width - indent - len(f"{when} · {command}")
    title = fit(unjoined(safe_line(latest.title)), room - len(" · ")) if room >= _SHORTEST_TITLE else ""
    about = f"{title} · {when} · " if title else f"{when} · " if room >= 0 else ""
    # Not the accent, whose color depends on the background: the terminal has not reported it yet.
    return [(Style.QUIET, f"{'last':<{indent}}"), (Style.PLAIN, about), (Style.STRONG, command)]


def _latest(options: ShellOptions) -> Latest | None:
    # Imported here for startup time: needed only for a new session.
    from aloop.memory.sessions_dir.header import peek_latest
    from aloop.memory.sessions_dir.location import resolve_sessions_dir
    from aloop.memory.trust_file import TrustFile

    try:
        sessions_dir = resolve_sessions_dir(options.sessions_dir or options.settings.sessions_dir)
        trust = TrustFile.of_user()
        return peek_latest(sessions_dir, trust.wrote, trust.short_ids)
    except (OSError, StorageError):  # the engine reports it
        return None


def greeting(options: ShellOptions, width: int) -> list[Line]:
    """Return the lines above the first prompt."""
    return banner_lines(options, width, is_first=options.resume is None and is_first_start(options.settings))


def _sessions_folder(options: ShellOptions) -> str:
    """Return the sessions folder, which may be in a parent folder, as users write it."""
    # Imported here for startup time: needed only at the first start.
    from aloop.memory.sessions_dir.location import FOLDER, resolve_sessions_dir

    try:
        folder, here = resolve_sessions_dir(options.sessions_dir or options.settings.sessions_dir), Path.cwd()
    except (OSError, StorageError):  # the engine reports it
        return str(FOLDER)
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else display_path(folder)


def farewell_lines(context: Context, width: int | None) -> list[Line]:
    """Return how to resume the session, empty if it was never saved."""
    # Imported here for startup time: needed only at the end.
    from aloop.memory.session_folder.size_limit import needed_limit

    memory = context.memory
    if memory.recovered_path is not None:
        where = safe_line(display_path(memory.recovered_path))
        return error_lines(f"session.yaml cannot be read. New messages are saved in {where}.", width)
    if memory.has_unsaved:
        return error_lines("Not saved: the last turn. The next start recovers as much of it as is on disk.", width)
    if memory.path is None:
        return []
    larger = needed_limit(memory.file_size)
    setting = f"ALOOP_MAX_SESSION_MB={larger} " if larger else ""
    return [line((Style.QUIET, f"Saved. Run `{setting}aloop --resume {memory.session_id[:SHORT_ID]}` to continue."))]
