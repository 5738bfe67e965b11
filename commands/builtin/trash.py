"""/trash and /restore: list deleted sessions, and restore them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import TrashList
from commands.registry import Argument, Command
from commands.selection import read_session

if TYPE_CHECKING:
    from pathlib import Path

    from commands.context import Context


async def trash(context: Context, _argument: str) -> None:
    """List the deleted sessions as rows, last deleted first."""
    memory = context.memory
    rows = await memory.library.list_trash()
    last: dict[str, Path] = {}
    for row in rows:
        last.setdefault(row.id, row.folder)
    # An ID restores the last deleted copy of a session; earlier copies are named by their folder.
    context.rows = [row.id if last[row.id] == row.folder else row.folder.name.lower() for row in rows]
    if not rows:
        context.view.info("The trash is empty.")
        return
    await context.view.show(TrashList(rows))
    context.view.info("/restore 1 restores the first row. `aloop sessions purge` deletes all of them permanently.")


async def restore(context: Context, argument: str) -> None:
    """Restore the session in ``argument``, a row or an ID; without it, list the trash."""
    if not argument:
        await trash(context, "")
        return
    memory = context.memory
    summary = await memory.library.restore(read_session(context, argument, "/trash"))
    # Imported late for startup time.
    from aloop.memory.sessions_dir.catalog import short_name_of

    short = short_name_of(summary.id, summary.path.parent.name)
    context.view.info(f"Restored {short}; /resume {short} opens it.")


TRASH = Command(name="trash", summary="List the deleted sessions", handler=trash, example="/trash")
RESTORE = Command(
    name="restore",
    summary="Restore a deleted session",
    handler=restore,
    usage="[ID or ROW]",
    argument=Argument.DELETED,
    example="/restore a1b2c3d4",
)
