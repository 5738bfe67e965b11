"""/edit: the open session in the user's editor."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.errors import SessionFileError
from commands.registry import Argument, Command, Outcome
from commands.selection import read_number, save_before_leaving

if TYPE_CHECKING:
    from aloop.memory.session_folder.draft import Draft
    from commands.context import Context


async def edit(context: Context, argument: str) -> Outcome:
    """Open a copy of the session's file at the message that ``argument`` numbers, and take it over once it is valid.

    Raises UsageError, StorageError; the session stays as it was until then.
    """
    number = read_number(argument) if argument else None
    await save_before_leaving(context.memory)
    draft = await context.memory.begin_edit(number)
    try:
        is_over = await _edit_until_valid(context, draft)
    except asyncio.CancelledError:
        context.view.info(_kept(draft))
        raise
    if not is_over:
        is_kept = await context.memory.drop_edit(draft)
        context.view.info(_kept(draft) if is_kept else "Nothing was changed.")
    return Outcome()


def _kept(draft: Draft) -> str:
    return f"Not taken over. What you wrote is kept: {draft.path}"


async def _edit_until_valid(context: Context, draft: Draft) -> bool:
    """Edit until the draft is the session; False when the editor failed, or the user has had enough."""
    line = draft.line
    while await context.view.edit(draft.path, line):
        bad = await _take_over(context, draft)
        if bad is None:
            return True
        line = bad
        if not await context.view.confirm("The session is as it was. Edit again?"):
            break
    return False


async def _take_over(context: Context, draft: Draft) -> int | None:
    """Make the draft the session; return the line to look at when it is not valid, None when all is done."""
    try:
        if not await context.memory.finish_edit(draft):
            context.view.info("Nothing was changed.")
    except SessionFileError as error:
        context.view.error(f"Line {error.line}, column {error.column}: {error.reason}.")
        return error.line
    return None


COMMAND = Command(
    name="edit",
    summary="Open this session in your editor, at message N",
    handler=edit,
    usage="[N]",
    argument=Argument.TEXT,
    group="Changing",
    example="/edit 4",
)
