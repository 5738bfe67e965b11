"""What the command line asks of the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aloop.config import MAX_STEPS, OutputFormat, Settings
from aloop.permissions import Kind


@dataclass(frozen=True, slots=True)
class ShellOptions:
    """A shell; ``resume`` is None for a new session, empty for the latest one, else an id or its beginning.

    ``allow`` is what tools may do without a question, ``system`` what takes the place of the standard system message.
    ``plain`` is for lines that are only ever printed: nothing is drawn over.
    """

    settings: Settings
    model: str | None
    sessions_dir: Path | None
    resume: str | None
    allow: tuple[Kind, ...] = ()
    system: str | None = None
    max_steps: int = MAX_STEPS
    plain: bool = False


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """One task without a shell; ``resume`` as for a shell.

    ``typed`` is what of the task somebody wrote as an argument: only there are files mentioned.
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
