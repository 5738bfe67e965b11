"""Options that the command line passes to the shell and to tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aloop.config.settings import Settings
from aloop.config.values import MAX_STEPS, OutputFormat

if TYPE_CHECKING:
    from aloop.permissions import Kind


class ShellOptions(NamedTuple):
    """Options of a shell.

    ``resume`` is None for a new session, empty for the latest one, or an ID prefix. ``allow`` names what tools may do
    without asking, ``system`` replaces the standard system message, and ``plain`` asks for the prompt that only prints.
    ``question`` is the first message, never a command.
    """

    settings: Settings
    model: str | None
    sessions_dir: Path | None
    resume: str | None
    allow: tuple[Kind, ...] = ()
    system: str | None = None
    max_steps: int = MAX_STEPS
    plain: bool = False
    question: str = ""


class TaskOptions(NamedTuple):
    """Options of one task without a shell; ``resume`` as in ShellOptions.

    ``typed`` is the part of the task given as an argument, as opposed to piped text: only there, @FILE attaches a file.
    """

    settings: Settings
    model: str | None
    sessions_dir: Path | None
    resume: str | None
    task: str
    allow: tuple[Kind, ...] = ()
    system: str | None = None
    max_steps: int = MAX_STEPS
    output_format: OutputFormat = "text"
    typed: str = ""
