"""/help: the commands, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import Help
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context


async def show_help(context: Context, argument: str) -> Outcome:
    """Show all commands, or the one that ``argument`` names, with or without its slash."""
    if not argument:
        await context.view.show(Help(context.registry.commands))
        return Outcome()
    name = argument.removeprefix("/")
    command = context.registry.find(name)
    if command is None:
        guess = context.registry.suggest(name)
        context.view.error(f"There is no command /{name}." + (f" Did you mean /{guess}?" if guess else ""))
    else:
        await context.view.show(Help([command]))
    return Outcome()


COMMAND = Command(
    name="help",
    summary="Show the commands, or more about one",
    handler=show_help,
    usage="[COMMAND]",
    argument=Argument.COMMAND,
    aliases=("?",),
    group="Shell",
    example="/help resume",
)
