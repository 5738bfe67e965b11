"""From a line to what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.chat import chat
from commands.context import accept
from commands.parse import Call, Chat, Run, parse_line
from commands.registry import Argument, Outcome
from commands.shell_command import run

if TYPE_CHECKING:
    from commands.context import Context


async def dispatch(line: str, context: Context, typed: str | None = None) -> Outcome:
    """Do what ``line`` says; an AloopError becomes a line in the view, and whatever is no command changes nothing.

    ``typed`` is what of the line a person wrote, pasted text left out: only there are files mentioned.
    """
    meant = parse_line(line)
    if meant is None:
        accept(context)
        return Outcome()
    context.pending_output.offer = None
    try:
        match meant:
            case Chat(text):
                return await chat(context, text, typed)
            case Run():
                return await run(context, meant)
            case Call():
                return await _call(meant, context)
    except AloopError as error:
        context.view.error(str(error))
    return Outcome()


async def _call(call: Call, context: Context) -> Outcome:
    command = context.registry.find(call.name)
    if command is None:
        context.view.error(_unknown(call.name, context.registry.suggest(call.name)))
        return Outcome()
    if command.argument is Argument.NONE and call.argument:
        context.view.error(f"/{command.name} takes nothing after it. Nothing was done.")
        return Outcome()
    return await command.handler(context, call.argument)


def _unknown(name: str, suggestion: str | None) -> str:
    hint = f"Did you mean /{suggestion}?" if suggestion else "/help lists the commands."
    return f"There is no command /{name}. {hint} To send a text that begins with a slash, put a space before it."
