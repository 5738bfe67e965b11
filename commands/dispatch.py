"""From a line to what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.chat import chat
from commands.parse import Call, Chat, parse_line
from commands.registry import Argument, Outcome

if TYPE_CHECKING:
    from commands.context import Context


async def dispatch(line: str, context: Context) -> Outcome:
    """Do what ``line`` says; an AloopError becomes a line in the view, and whatever is no command changes nothing."""
    match parse_line(line):
        case Chat(text):
            return await chat(context, text)
        case Call() as call:
            return await _run_command(call, context)
        case None:
            return Outcome()


async def _run_command(call: Call, context: Context) -> Outcome:
    command = context.registry.find(call.name)
    if command is None:
        context.view.error(_unknown(call.name, context.registry.suggest(call.name)))
        return Outcome()
    if command.argument is Argument.NONE and call.argument:
        context.view.error(f"/{command.name} takes nothing after it. Nothing was done.")
        return Outcome()
    try:
        return await command.handler(context, call.argument)
    except AloopError as error:
        context.view.error(str(error))
        return Outcome()


def _unknown(name: str, suggestion: str | None) -> str:
    hint = f"Did you mean /{suggestion}?" if suggestion else "/help lists the commands."
    return f"There is no command /{name}. {hint} To send a text that begins with a slash, put a space before it."
