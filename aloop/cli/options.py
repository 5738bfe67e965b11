"""The options of a conversation: what ``aloop`` without a subcommand takes.

Apart from the parser, because the prompt starts without loading argparse.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aloop.config.values import MAX_STEPS, Effort, OutputFormat

if TYPE_CHECKING:
    from decimal import Decimal

    from aloop.permissions import Kind

STDIN = "-"
"""The value of ``--task`` that reads the task from standard input."""


class RunOptions(NamedTuple):
    """A conversation at the prompt, or a single ``task``.

    ``resume`` is None for a new session, empty for the latest one, otherwise a session ID or prefix. ``allow`` lists
    what tools may do without asking. ``system`` replaces the standard system message. ``max_cost`` is in dollars.
    ``question`` is the first message at the prompt.
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
    effort: Effort | None = None
    max_cost: Decimal | None = None
    question: str | None = None
