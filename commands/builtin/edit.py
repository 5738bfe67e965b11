"""/edit: open the session in the user's editor."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.errors import SessionFileError
from aloop.formatting import display_path
from commands.registry import Argument, Command
from commands.selection import read_number
from commands.session_browser import save_before_leaving

if TYPE_CHECKING:
    from aloop.memory.session_folder.draft import Draft
    from commands.context import Context


async def edit(context: Context, argument: str) -> None:
    """Edit a copy of the session's file, at the message numbered in ``argument``.

    The session changes only once the copy is valid. Raises UsageError or StorageError.
    """
    number = read_number(argument) if argument else None
    await save_before_leaving(context.memory)
    draft = await context.memory.begin_edit(number)
    try:
        is_done = await _edit_until_valid(context, draft)
    except asyncio.CancelledError:
        context.view.info(_kept(draft))
        raise
    if not is_done:
        is_kept = await context.memory.drop_edit(draft)
        context.view.info(_kept(draft) if is_kept else "Nothing was changed.")


def _kept(draft: Draft) -> str:
    return f"The session was not changed. Your edits are kept in {display_path(draft.path)}"


async def _edit_until_valid(context: Context, draft: Draft) -> bool:
    """Edit until the draft is applied; False if the editor failed or the user gave up."""
    line = draft.line
    while await context.view.edit(draft.path, line):
        bad = await _apply(context, draft)
        if bad is None:
            return True
        line = bad
        if not await context.view.confirm("The session was not changed. Edit again?"):
            break
    return False


async def _apply(context: Context, draft: Draft) -> int | None:
    """Apply the draft; return None, or the line with the error if it is invalid."""
    try:
        if not await context.memory.finish_edit(draft):
            context.view.info("Nothing was changed.")
    except SessionFileError as error:
        context.view.error(f"Line {error.line}, column {error.column}: {error.reason}.")
        return error.line
    return None


COMMAND = Command(
    name="edit",
    summary="Edit this session in your editor, at message N",
    handler=edit,
    usage="[N]",
    argument=Argument.TEXT,
    group="Editing",
    example="/edit 4",
)
