"""/fork: go on in a new session that begins as this one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, UsageError
from commands.builtin.resume import last_exchanges
from commands.pages import Reminder
from commands.registry import Argument, Command, Outcome
from commands.selection import read_number, require_in_range, save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def fork(context: Context, argument: str) -> Outcome:
    """Begin a session with the messages up to the one that ``argument`` numbers, all without it.

    Raises UsageError, and StorageError when this one can not be saved; then it stays open.
    """
    memory = context.memory
    if not memory.message_count:
        raise UsageError("This session is new: there is nothing to fork.")
    number = read_number(argument) if argument else memory.message_count
    require_in_range(number, memory.message_count)
    await save_before_leaving(memory)
    original = memory.session_id[:SHORT_ID]
    session = await memory.fork(upto=number)
    here, count = session.id[:SHORT_ID], len(session.messages)
    await context.view.show(Reminder(last_exchanges(session.messages, 1)))
    more = f" ({count}, for a tool call and its results stay together)" if count > number else ""
    context.view.info(
        f"Going on in {here}, a fork of {original} up to message {number}{more}. It is saved with its first turn; "
        f"/resume {original} goes back."
    )
    return Outcome()


COMMAND = Command(
    name="fork",
    summary="Go on from message N, or from here, in a new session",
    handler=fork,
    usage="[N]",
    argument=Argument.TEXT,
    group="Changing",
    example="/fork 4",
)
