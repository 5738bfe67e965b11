"""/skills: the skills that the model and the user can use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.errors import Problem
from aloop.formatting import quantity
from aloop.memory.context import estimate_tokens
from commands.pages import Facts
from commands.project.instructions import refresh_instructions
from commands.project.skills import SKILLS_GROUP, load_skills
from commands.project.templates import refresh_commands
from commands.registry import Command

if TYPE_CHECKING:
    from commands.context import Context


async def skills(context: Context, _argument: str) -> None:
    """List the skills with their files and descriptions, and what is left out."""
    await refresh_instructions(context)  # asks about a new project
    await refresh_commands(context)
    loaded = await asyncio.to_thread(load_skills, context.agent.working_dir, context.trust)
    if not loaded.files:
        context.view.info("There are no skills. A file such as ~/.config/aloop/skills/NAME/SKILL.md adds one.")
    else:
        offered = set(loaded.offered.names)
        rows = []
        for file in loaded.files:
            mark = "" if file.name in offered else " · for you only"
            command = context.registry.find(file.name)
            if command is not None and command.group != SKILLS_GROUP:
                mark += f" · /{file.name} runs another command"
            rows += [(file.name, file.skill.description), ("", f"{file.file.shown}{mark}")]
        await context.view.show(Facts(rows, most_rows=2))
        tokens = estimate_tokens(loaded.offered.section) if offered else 0
        count = quantity(len(offered), "skill")
        context.view.info(
            f"{count} offered to the model, in {tokens:,} tokens. It reads the file if a task calls for it, and /NAME "
            "sends one with your message."
        )
    for notice in loaded.notices:
        context.view.info(Problem(notice))
    for notice in loaded.shadowed:
        context.view.info(notice)


COMMAND = Command(
    name="skills",
    summary="List the skills, which are instructions for kinds of tasks",
    handler=skills,
    group="Model",
    example="/skills",
)
