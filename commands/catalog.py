"""The commands that there are, in the order in which help shows them."""

from __future__ import annotations

from commands import (
    clear,
    compact,
    delete,
    detail,
    edit,
    export,
    fork,
    help,  # noqa: A004 - /help lives in a module of its name
    history,
    leave,
    model,
    rename,
    resume,
    search,
    skip,
    stats,
    system,
    trash,
    undo,
)
from commands.registry import Registry

REGISTRY = Registry(
    (
        resume.COMMAND,
        search.COMMAND,
        history.COMMAND,
        clear.COMMAND,
        delete.COMMAND,
        trash.TRASH,
        trash.RESTORE,
        export.COMMAND,
        stats.COMMAND,
        undo.UNDO,
        undo.REDO,
        undo.RETRY,
        edit.COMMAND,
        skip.SKIP,
        skip.UNSKIP,
        fork.COMMAND,
        rename.COMMAND,
        model.COMMAND,
        system.COMMAND,
        compact.COMMAND,
        detail.VERBOSE,
        detail.THINKING,
        help.COMMAND,
        leave.COMMAND,
    )
)
