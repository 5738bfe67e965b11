"""What the command line asks for when it does not name a command: to converse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aloop.config import MAX_STEPS, OutputFormat
from aloop.consent import Kind

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
