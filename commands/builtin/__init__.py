"""The registry of built-in commands, in the order of the help."""

from __future__ import annotations

from commands.builtin import (
    clear,
    compact,
    context,
    copy,
    delete,
    edit,
    effort,
    exit,  # noqa: A004 # the module of /exit
    export,
    fork,
    help,  # noqa: A004 # the module of /help
    history,
    init,
    jobs,
    key,
    model,
    note,
    rename,
    resume,
    rewind,
    search,
    skip,
    stats,
    system,
    trash,
    undo,
    verbosity,
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
        rewind.COMMAND,
        edit.COMMAND,
        skip.SKIP,
        skip.UNSKIP,
        note.NOTE,
        note.TAG,
        note.PIN,
        note.UNPIN,
        fork.COMMAND,
        rename.COMMAND,
        model.COMMAND,
        effort.COMMAND,
        key.COMMAND,
        jobs.COMMAND,
        system.COMMAND,
        init.COMMAND,
        context.COMMAND,
        compact.COMMAND,
        copy.COMMAND,
        verbosity.VERBOSE,
        verbosity.THINKING,
        help.COMMAND,
        exit.COMMAND,
    )
)
