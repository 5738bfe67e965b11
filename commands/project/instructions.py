"""Project instructions: the texts of AGENTS.md files that go to the model."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.agent.instructions import InstructionFile, Instructions
from aloop.errors import Problem, StorageError
from aloop.formatting import display_path, quantity
from aloop.sanitize import safe_line
from commands.project.folders import (
    SKILL_NAME,
    FoundFile,
    Unreadable,
    find_command_files,
    find_instruction_files,
    find_skill_files,
    read_text,
    without_invisible,
)
from commands.project.skills import load_skills

if TYPE_CHECKING:
    from aloop.memory.trust_file import TrustFile
    from commands.context import Context

MOST_BYTES = 32_000
"""Of all instruction files together."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The instructions from trusted folders.

    ``notices`` are sentences about what was left out, ``untrusted`` the files of a project that is not trusted.
    """

    instructions: Instructions
    notices: tuple[str, ...] = ()
    untrusted: tuple[FoundFile, ...] = ()


def load_instructions(folder: Path, trust: TrustFile, found: Iterable[FoundFile] | None = None) -> Loaded:
    """Read the instruction files that apply in ``folder``, or those already ``found``."""
    files: list[InstructionFile] = []
    notices: list[str] = []
    untrusted: list[FoundFile] = []
    left = MOST_BYTES
    for file in find_instruction_files(folder) if found is None else found:
        if file.project is not None and not trust.knows_project(file.project):
            untrusted.append(file)
            continue
        if left <= 0:
            notices.append(_left_out(file))
            continue
        try:
            text, is_whole = read_text(file, left)
        except Unreadable as error:
            notices.append(str(error))
            continue
        left -= len(text.encode())
        if not is_whole:
            left = 0
            notices.append(f"Only the beginning of {file.shown} is used. {_LIMIT}" if text else _left_out(file))
        shown, hidden = without_invisible(text)
        if hidden:
            notices.append(f"{quantity(hidden, 'invisible character')} of {file.shown} left out.")
        if shown.strip():
            files.append(InstructionFile(file.shown, shown))
    return Loaded(Instructions(tuple(files)), tuple(notices), tuple(untrusted))


_LIMIT = f"All instructions together are limited to {MOST_BYTES:,} bytes."


def _left_out(found: FoundFile) -> str:
    return f"{found.shown} is not used. {_LIMIT}"


async def refresh_instructions(context: Context) -> None:
    """Read instructions and skills for the next turn; ask once about a new project."""
    folder, trust = context.agent.working_dir, context.trust
    found = await asyncio.to_thread(_Found.of, folder)
    await _ask_about(context, found)
    loaded = await asyncio.to_thread(load_instructions, folder, trust, found.instructions)
    skills = await asyncio.to_thread(load_skills, folder, trust, found.skills)
    report_once(context, (*loaded.notices, *skills.notices))
    context.agent.instructions, context.agent.skills = loaded.instructions, skills.offered


def report_once(context: Context, problems: Iterable[str]) -> bool:
    """Show ``problems`` that were not shown before; return True if there are any."""
    new = [problem for problem in dict.fromkeys(problems) if problem not in context.project.reported]
    for problem in new:
        context.project.reported.add(problem)
        context.view.info(Problem(problem))
    return bool(new)


async def ask_about_project(context: Context) -> None:
    """Ask once about a project that has files for the agent and is not trusted."""
    await _ask_about(context, await asyncio.to_thread(_Found.of, context.agent.working_dir))


@dataclass(frozen=True, slots=True)
class _Found:
    """The files for a folder; they are looked up once for each line."""

    instructions: list[FoundFile]
    commands: list[FoundFile]
    skills: list[FoundFile]

    @classmethod
    def of(cls, folder: Path) -> _Found:
        return cls(find_instruction_files(folder), find_command_files(folder), find_skill_files(folder))


async def _ask_about(context: Context, found: _Found) -> None:
    files = (*found.instructions, *found.commands, *found.skills)
    untrusted = [file for file in files if file.project is not None and not context.trust.knows_project(file.project)]
    if not untrusted or (root := untrusted[0].project) is None or root in context.project.declined:
        return
    if not await _trusts(context, root, untrusted):
        context.project.declined.add(root)


async def _trusts(context: Context, root: Path, files: Collection[FoundFile]) -> bool:
    """Ask if the user trusts a project, and remember a yes outside it."""
    names = names_of(files)
    if not context.is_typed:
        context.view.info(untrusted_notice(root, names))
        return False
    context.view.info(f"This project has files for the model: {names}")
    if not await context.view.confirm(f"Trust the files in {safe_line(display_path(root))} and use them from now on?"):
        context.view.info("They are not used. The next start asks again.")
        return False
    try:
        context.trust.remember(projects=[root])
    except StorageError as error:
        context.view.error(str(error))
    return True


def names_of(files: Collection[FoundFile]) -> str:
    """Return the names of files for a sentence; skills are counted in their folder."""
    skills = Counter(str(Path(file.shown).parent.parent) for file in files if file.path.name == SKILL_NAME)
    names = [file.shown for file in files if file.path.name != SKILL_NAME]
    return ", ".join([*names, *(f"{quantity(count, 'skill')} in {folder}" for folder, count in skills.items())])


def untrusted_notice(root: Path, names: str) -> str:
    """Return the sentence for a run in which no one can be asked."""
    shown = safe_line(display_path(root))
    return f"Not used, because you have not trusted {shown} yet: {names}. Start aloop there to be asked."
