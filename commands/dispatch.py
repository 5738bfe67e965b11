"""Runs a line: a command, a shell command, or text for the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import AloopError, AmbiguousPrefix, SessionNotFound
from commands.chat import chat
from commands.context import accept
from commands.parse import Call, Chat, Run, parse_line
from commands.project.instructions import ask_about_project
from commands.project.templates import refresh_commands
from commands.registry import FAILED, Argument, Command, Outcome
from commands.selection import show_candidates
from commands.shell_command import run_typed

if TYPE_CHECKING:
    from commands.context import Context


async def dispatch(line: str, context: Context, typed: str | None = None) -> Outcome:
    """Run ``line``; an AloopError becomes a message in the view.

    ``typed`` is the line without pasted text: only there can files be mentioned.
    """
    parsed = parse_line(line)
    if parsed is None:
        accept(context)
        return Outcome()
    context.pending_output.offer = None
    context.agent.follow()
    try:
        match parsed:
            case Chat(text):
                return await chat(context, text, typed)
            case Run():
                return await run_typed(context, parsed)
            case Call():
                return await _call(parsed, context)
    except AloopError as error:
        context.view.error(str(error))
    return FAILED


async def _find(call: Call, context: Context) -> Command[Context] | None:
    """Return the command, perhaps from a file of a project that the user trusts now."""
    builtin = context.registry.find_builtin(call.name)
    if builtin is not None and builtin.argument is not Argument.COMMAND:
        return builtin  # files cannot replace it, and it does not list the commands from files
    await refresh_commands(context)
    if (command := context.registry.find(call.name)) is None:
        await ask_about_project(context)
        await refresh_commands(context)
        command = context.registry.find(call.name)
    return command


async def _call(call: Call, context: Context) -> Outcome:
    command = await _find(call, context)
    if command is None:
        context.view.error(_unknown(call.name, context.registry.suggest(call.name)))
        return FAILED
    if command.argument is Argument.NONE and call.argument:
        context.view.error(f"/{command.name} takes no argument. Nothing was done.")
        return FAILED
    try:
        return await command.handler(context, call.argument) or Outcome()
    except SessionNotFound as error:
        context.view.error(f"{error} {'/trash' if error.in_trash else '/history'} lists the sessions.")
        return FAILED
    except AmbiguousPrefix as error:
        if command.argument is not Argument.SESSION:
            raise
        await show_candidates(context, error)
        return FAILED


def _unknown(name: str, suggestion: str | None) -> str:
    # Imported late for startup time.
    from aloop.cli.parser import COMMANDS

    if (name := name.lower()) in COMMANDS:
        also = " The last row of /resume imports single sessions." if name == "import" else ""
        return f"/{name} is not a command of the prompt. Run `aloop {name}` in a shell.{also}"
    hint = f"Did you mean /{suggestion}?" if suggestion else "/help lists the commands."
    return f"Unknown command /{name}. {hint} To send text that begins with a slash, type a space before it."
