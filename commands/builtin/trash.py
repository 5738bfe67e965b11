"""/trash and /restore: look at what was deleted, and bring it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.builtin.resume import find_id
from commands.pages import TrashList
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from commands.context import Context


async def trash(context: Context, _argument: str) -> Outcome:
    """Show the deleted sessions as rows, the last deleted first."""
    memory = context.memory
    rows = await memory.library.list_trash()
    last: dict[str, Path] = {}
    for row in rows:
        last.setdefault(row.id, row.folder)
    # By its id a session comes back as it was deleted last; what was deleted before is known by its folder.
    context.rows = [row.id if last[row.id] == row.folder else row.folder.name.lower() for row in rows]
    if not rows:
        context.view.info("The trash is empty.")
        return Outcome()
    await context.view.show(TrashList(rows))
    context.view.info("/restore 1 brings the first row back; aloop sessions purge removes them for good.")
    return Outcome()


async def restore(context: Context, argument: str) -> Outcome:
    """Bring back the session that ``argument`` names, a row of /trash or an id; without one, show the trash."""
    if not argument:
        return await trash(context, "")
    wanted = find_id(context, argument, "/trash")
    if wanted is not None:
        memory = context.memory
        summary = await memory.library.restore(wanted)
        # Imported here, where the engine is loaded: at the top it would be, too, before the first prompt is drawn.
        from aloop.memory.sessions_dir.catalog import short_name_of

        short = short_name_of(summary.id, summary.path.parent.name)
        context.view.info(f"Restored {short}: /resume {short} goes on in it.")
    return Outcome()


TRASH = Command(name="trash", summary="List the deleted sessions", handler=trash, example="/trash")
RESTORE = Command(
    name="restore",
    summary="Bring a deleted session back",
    handler=restore,
    usage="[ID or ROW]",
    argument=Argument.DELETED,
    example="/restore a1b2c3d4",
)
