"""/help: show the commands in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aloop.keys import DEFAULT_KEYS, key_label
from commands.pages import Help, KeyHelp
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


_KEYS = (
    ("Enter", "send; during a turn, queue the line"),
    ("Enter Enter, Ctrl-Enter", "during a turn, send at the model's next step"),
    ("Up", "take a queued line back; otherwise earlier lines"),
    ("Esc, Ctrl-C", "stop the turn"),
    ("Esc Esc", "go back to an earlier message"),
    ("new_line", "new line; so does Ctrl-J"),
    ("complete", "complete"),
    ("Shift-Tab", "ask first, accept edits, or plan"),
    ("Ctrl-R", "search earlier lines"),
    ("expand", "show all of the last tool's output"),
    ("editor", "open your editor"),
    ("rewind", "go back to an earlier message"),
    ("suspend", "suspend"),
    ("Ctrl-D, Ctrl-C twice", "leave"),
    ("/", "command"),
    ("@", "file"),
    ("!", "run a command"),
)
"""The keys and marks, or actions of the settings, with their effect, the most useful first."""


def key_rows(changed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the keys and marks with their effect, given those of the settings."""
    keys = {**DEFAULT_KEYS, **changed}
    named = ((key_label(keys[key]) if key in keys else key, effect) for key, effect in _KEYS)
    return [(key, effect) for key, effect in named if key]


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
