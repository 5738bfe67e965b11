"""/help: show the commands in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.keys import key_rows
from commands.pages import Help, KeyHelp
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


async def show_help(context: Context, argument: str) -> None:
    """Show all commands, the one named in ``argument``, or the keys of the prompt."""
    if not argument:
        await context.view.show(Help(context.registry.commands))
        return
    if argument.lower() == "keys":
        await context.view.show(KeyHelp(key_rows(context.keys)))
        return
    name = argument.removeprefix("/")
    command = context.registry.find(name)
    if command is None:
        guess = context.registry.suggest(name)
        hint = f"Did you mean /{guess}?" if guess else "/help lists the commands."
        context.view.error(f"Unknown command /{name}. {hint}")
    else:
        await context.view.show(Help([command]))


COMMAND = Command(
    name="help",
    summary="Show the commands, details about one, or the keys",
    handler=show_help,
    usage="[COMMAND or keys]",
    argument=Argument.COMMAND,
    aliases=("?",),
    group="Shell",
    example="/help resume",
)
