"""The commands that there are, in the order in which help shows them."""

from __future__ import annotations

from commands import (
    clear,
    compact,
    delete,
    export,
    help,  # noqa: A004 - /help lives in a module of its name
    history,
    leave,
    model,
    resume,
    stats,
    system,
    trash,
)
from commands.registry import Registry

REGISTRY = Registry(
    (
        resume.COMMAND,
        history.COMMAND,
        clear.COMMAND,
        delete.COMMAND,
        trash.TRASH,
        trash.RESTORE,
        export.COMMAND,
        stats.COMMAND,
        model.COMMAND,
        system.COMMAND,
        compact.COMMAND,
        help.COMMAND,
        leave.COMMAND,
    )
)
