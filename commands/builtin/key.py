"""/key: show the source of the API key, store it or delete it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from aloop.errors import UsageError
from aloop.stored_key import delete_key, key_source, require_keyring
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


async def key(context: Context, argument: str) -> None:
    """Show the source of the key, or ``set`` or ``delete`` it; raise KeyringFailed."""
    if not argument:
        context.view.info(key_source().replace("`aloop key ", "`/key "))
    elif argument == "delete":
        deleted = await asyncio.to_thread(delete_key)
        context.view.info("Deleted the API key from the system keyring." if deleted else "No API key is stored.")
    elif argument == "set":
        await asyncio.to_thread(require_keyring)
        # Another process reads it, so that it is in no history or undo buffer of this one.
        command = (sys.executable, "-P", "-m", "aloop", "key", "set")
        if await context.view.hand_over(command, context.agent.working_dir) == 0:
            context.view.info("/model NAME switches to a model that uses it.")
    else:
        raise UsageError("Use /key, /key set or /key delete. /key set asks for the key.")  # the argument may be a key


COMMAND = Command(
    name="key",
    summary="Show where the API key comes from, or store or delete it",
    handler=key,
    usage="[set or delete]",
    argument=Argument.TEXT,
    group="Model",
    example="/key set",
)
