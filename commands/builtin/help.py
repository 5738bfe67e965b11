"""/help: show the commands in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import Help
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


async def show_help(context: Context, argument: str) -> None:
    """Show all commands, or the one named in ``argument``, with or without slash."""
    if not argument:
        await context.view.show(Help(context.registry.commands))
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
    summary="Show the commands, or details about one",
    handler=show_help,
    usage="[COMMAND]",
    argument=Argument.COMMAND,
    aliases=("?",),
    group="Shell",
    example="/help resume",
)
