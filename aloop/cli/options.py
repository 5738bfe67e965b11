"""What the command line can ask for, sessions apart, as records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aloop.config import MAX_STEPS, OutputFormat
from aloop.permissions import Kind

ShellName = Literal["bash", "zsh", "fish"]
SHELLS: tuple[ShellName, ...] = get_args(ShellName)

STDIN = "-"
"""What ``--task`` is given to take the whole of standard input as the task."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Converse: at a prompt, or for one ``task`` (STDIN: it comes from standard input).

    ``resume`` is None for a new session, empty for the latest, else an id or its beginning. ``allow`` is what tools may
    do without a question. ``system`` takes the place of the standard system message.
    """

    model: str | None = None
    sessions_dir: Path | None = None
    resume: str | None = None
    task: str | None = None
    allow: tuple[Kind, ...] = ()
    system: str | None = None
    max_steps: int = MAX_STEPS
    output_format: OutputFormat = "text"
    plain: bool = False


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """See whether aloop can do its work here."""

    sessions_dir: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class CompletionsOptions:
    """Print what makes ``shell`` complete the arguments of aloop."""

    shell: ShellName
