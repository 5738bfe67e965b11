"""The commands that there are, in the order in which help shows them."""

from __future__ import annotations

from commands import clear, delete, help, history, leave, resume, stats, trash  # noqa: A004 - /help lives in a module of its name
from commands.registry import Registry

REGISTRY = Registry(
    (
        resume.COMMAND,
        history.COMMAND,
        clear.COMMAND,
        delete.COMMAND,
        trash.TRASH,
        trash.RESTORE,
        stats.COMMAND,
        help.COMMAND,
        leave.COMMAND,
    )
)
