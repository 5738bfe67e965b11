"""The first lines of a shell."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from aloop import __version__
from aloop.config import OFFLINE_MODEL, Settings
from aloop.errors import SHORT_ID, LocalModelError, StorageError
from aloop.local.models import TOY, default_model, full_name, title_of
from aloop.local.place import shown
from repl.options import ShellOptions
from repl.sanitize import safe_line
from repl.spans import Line, Tone, line
from repl.welcome import is_first_start

if TYPE_CHECKING:
    from commands.context import Context

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
    lines = [line((Tone.STRONG, f"aloop {__version__}"), (Tone.QUIET, " · /help lists commands · Ctrl-D leaves"))]
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
        line((Tone.STRONG, f"aloop {__version__}"), f" · conversations are saved in {safe_line(sessions)}"),
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
    from aloop.memory.location import FOLDER, resolve_sessions_dir

    try:
        folder, here = resolve_sessions_dir(options.sessions_dir or options.settings.sessions_dir), Path.cwd()
    except (OSError, StorageError):  # the engine says what is wrong
        return str(FOLDER)
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else shown(folder)


def farewell_lines(context: Context) -> list[Line]:
    """Return how to come back to the session that is left; nothing for one that was never saved."""
    memory = context.memory
    if memory.beside is not None:
        return [
            line(
                (
                    Tone.BAD,
                    f"session.yaml could not be read. What was said since stands in {safe_line(str(memory.beside))}.",
                )
            )
        ]
    if memory.has_unsaved:
        return [
            line((Tone.BAD, "Not saved: what was said last. What the disk took of it comes back at the next start."))
        ]
    if memory.path is None:
        return []
    return [line((Tone.QUIET, f"Saved. aloop --resume {memory.session_id[:SHORT_ID]} goes on from here."))]
