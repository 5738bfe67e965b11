"""/init: let the model draft an AGENTS.md for the project."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from commands.chat import chat
from commands.project.folders import INSTRUCTION_NAMES
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context

_NAME = INSTRUCTION_NAMES[0]
_REQUEST = (
    "Look at this project, then write {name}: a short file of instructions for AI agents that work here. Include what "
    "an agent cannot guess: how to build, test and check a change (the exact commands, even for a single test), the "
    "layout of the source in a few lines, and rules of style and procedure that the files show. Take commands from "
    "the project's own files, and do not invent any. Leave out advice that fits every project. At most 60 lines of "
    "Markdown."
)
_IMPROVE = " {name} already exists: read it, keep what is right, and change only what is missing or wrong."


async def init(context: Context, argument: str) -> Outcome:
    """Ask the model for the file in a normal turn; ``argument`` adds to the request."""
    existing = await asyncio.to_thread(_existing, context.agent.working_dir)
    request = _REQUEST.format(name=_NAME)
    if _NAME in existing:
        request += _IMPROVE.format(name=_NAME)
    others = " and ".join(name for name in existing if name != _NAME)
    if others:
        request += f" Take over what is useful in {others}."
    return await chat(context, f"{request}\n\n{argument}" if argument else request, "")


def _existing(folder: Path) -> list[str]:
    return [name for name in INSTRUCTION_NAMES if os.path.lexists(folder / name)]


COMMAND = Command(
    name="init",
    summary="Let the model draft an AGENTS.md with instructions for this project",
    handler=init,
    usage="[TEXT]",
    argument=Argument.TEXT,
    group="Model",
    example="/init",
)
