"""The first lines of a shell.

Whether somebody starts aloop for the first time: a file in their own state folder, never in a project, tells.

The line below the input: which model, which session, how much of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from aloop import __version__
from aloop.config import OFFLINE_MODEL, Settings
from aloop.errors import SHORT_ID, LocalModelError, StorageError
from aloop.local_model.models import TOY, default_model, display_path, full_name, title_of
from aloop.sanitize import safe_line
from repl.options import ShellOptions
from repl.output.styled import Line, Style, line

if TYPE_CHECKING:
    from aloop.memory import ContextUse
    from commands.context import Context


_NAME = "welcomed"


def is_first_start(settings: Settings) -> bool:
    """Whether no start of this user is remembered; whoever has a history of typed lines was here before."""
    # Not Path.exists, which raises where a folder on the way may not be looked into.
    return not any(map(os.path.exists, (_mark(settings), settings.history_file)))


def remember_start(settings: Settings) -> None:
    """Remember that somebody was welcomed."""
    mark = _mark(settings)
    # Where nothing can be kept, each start is like the first one: three lines, and no harm.
    with suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _mark(settings: Settings) -> Path:
    return settings.history_file.with_name(_NAME)


_NO_KEY = (
    "No API key: this is the offline demo, no language model. "
    "For one, set ANTHROPIC_API_KEY or run: aloop local install"
)


def expected_model(model: str | None, settings: Settings) -> str:
    """Return the model that will answer, judged before anything of it is loaded."""
    chosen = model or settings.model or default_model(settings)
    with suppress(LocalModelError):  # the engine says what is wrong
        return full_name(chosen, settings)
    return chosen


def banner_lines(model: str | None, settings: Settings, width: int) -> list[Line]:
    """Return the greeting; without a key, it says who answers then, and how to change that."""
    lines = [line((Style.STRONG, f"aloop {__version__}"), (Style.QUIET, " · /help lists commands · Ctrl-D leaves"))]
    if model is None and expected_model(model, settings) == OFFLINE_MODEL:
        lines += [line(row) for row in wrap(_NO_KEY, max(20, width - 1))]
    return lines


def welcome_lines(model: str | None, settings: Settings, sessions: str) -> list[Line]:
    """Return the greeting of somebody's very first start: what is kept, how to get help, and who answers."""
    answering = expected_model(model, settings)
    if model is None and answering == OFFLINE_MODEL:
        who = "No API key: an offline demo answers. Set ANTHROPIC_API_KEY."
    elif answering == TOY:
        who = f"{title_of(answering)} answers, on this machine."  # it has no tools to ask for
    else:
        who = f"{safe_line(title_of(answering))} answers, and asks before changing things."
    return [
        line((Style.STRONG, f"aloop {__version__}"), f" · conversations are saved in {safe_line(sessions)}"),
        line("/help lists commands · Ctrl-C stops a turn · Ctrl-D leaves"),
        line(who),
    ]


def greeting(options: ShellOptions, width: int) -> list[Line]:
    """Return what stands above the first prompt."""
    settings = options.settings
    if options.resume is None and is_first_start(settings):
        return welcome_lines(options.model, settings, _sessions_folder(options))
    return banner_lines(options.model, settings, width)


def _sessions_folder(options: ShellOptions) -> str:
    """Return where conversations will be saved, as people write it: not always here, for one further up goes before."""
    # Imported here for start-up time: only somebody's very first start comes this way.
    from aloop.memory.sessions_dir.location import FOLDER, resolve_sessions_dir

    try:
        folder, here = resolve_sessions_dir(options.sessions_dir or options.settings.sessions_dir), Path.cwd()
    except (OSError, StorageError):  # the engine says what is wrong
        return str(FOLDER)
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else display_path(folder)


def farewell_lines(context: Context) -> list[Line]:
    """Return how to come back to the session that is left; nothing for one that was never saved."""
    memory = context.memory
    if memory.beside is not None:
        return [
            line(
                (
                    Style.BAD,
                    f"session.yaml could not be read. What was said since stands in {safe_line(str(memory.beside))}.",
                )
            )
        ]
    if memory.has_unsaved:
        return [
            line((Style.BAD, "Not saved: what was said last. What the disk took of it comes back at the next start."))
        ]
    if memory.path is None:
        return []
    return [line((Style.QUIET, f"Saved. aloop --resume {memory.session_id[:SHORT_ID]} goes on from here."))]


def toolbar_text(options: ShellOptions, context: Context | None) -> str:
    """Return the toolbar; before the engine is there, what can be known without it."""
    model = context.agent.llm.model if context else expected_model(options.model, options.settings)
    count = context.memory.message_count if context else 0
    session = context.memory.session_id[:SHORT_ID] if context and count else "new session"
    text = f"{safe_line(title_of(model))} · {session} · {count} {'message' if count == 1 else 'messages'}"
    use = context.agent.context_use if context else None
    text = f"{text} · {_meter(use)}" if use and use.window else text
    taken = len(context.pending_output.taken) if context else 0
    return f"+ {taken} {'output' if taken == 1 else 'outputs'} · {text}" if taken else text


def _meter(use: ContextUse) -> str:
    """Return how full the model's window is, as exactly as it is known."""
    about = "~" if use.is_estimate else ""
    return f"{about}{thousands(use.tokens)} of {thousands(use.window)} tokens ({use.share:.0%})"


def thousands(tokens: int) -> str:
    """Return a number in at most four characters or so."""
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1_000:.1f}k" if tokens < 10_000 else f"{round(tokens / 1_000)}k"
