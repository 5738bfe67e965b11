"""/fork: continue in a copy of the session, from any message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, UsageError
from commands.builtin.resume import last_exchanges
from commands.pages import Reminder
from commands.registry import Argument, Command
from commands.selection import read_number, require_in_range
from commands.session_browser import save_before_leaving
from commands.trust import remember_copy

if TYPE_CHECKING:
    from commands.context import Context


async def fork(context: Context, argument: str) -> None:
    """Copy the messages up to the number in ``argument`` into a new session.

    Without a number, copy all. Raises UsageError, or StorageError if the open session cannot be saved; it then stays
    open.
    """
    memory = context.memory
    if not memory.message_count:
        raise UsageError("This session is new, so there is nothing to fork.")
    number = read_number(argument) if argument else memory.message_count
    require_in_range(number, memory.message_count)
    await save_before_leaving(memory)
    source = memory.session_id
    original = source[:SHORT_ID]
    session = await memory.fork(upto=number)
    remember_copy(context, source, session.id)
    here, count = session.id[:SHORT_ID], len(session.messages)
    await context.view.show(Reminder(last_exchanges(session.messages, 1)))
    more = f", not {number}, to keep a tool call with its results" if count > number else ""
    context.view.info(
        f"This is now {here}, a fork of {original} up to message {count}{more}. It is saved with its first turn or "
        f"change; /resume {original} returns to the original."
    )


COMMAND = Command(
    name="fork",
    summary="Continue from message N, or from here, in a new session",
    handler=fork,
    usage="[N]",
    argument=Argument.TEXT,
    group="Editing",
    example="/fork 4",
)
