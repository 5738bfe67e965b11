"""Skills: the model is offered the name and description of each ``SKILL.md``.

The format is that of https://agentskills.io/specification.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.agent.instructions import Skill, Skills
from aloop.errors import SessionFileError
from aloop.formatting import home_folder, quantity
from aloop.memory.codec.nodes import ScalarNode
from commands.project.folders import FoundFile, Unreadable, find_skill_files, read_text, without_invisible

if TYPE_CHECKING:
    from aloop.memory.trust_file import TrustFile

MOST_BYTES = 64_000
"""Of a file."""
MOST_OFFERED = 12_000
"""Bytes of all skills as they are offered to the model."""
LONGEST_DESCRIPTION = 1_024
SKILLS_GROUP = "Skills"
"""The group of the commands that send a skill."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([a-z-]+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_TRUE = frozenset({"true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class SkillFile:
    """A usable skill; one that is not ``is_for_model`` is only a command of the user."""

    skill: Skill
    body: str
    file: FoundFile
    is_for_model: bool = True

    @property
    def name(self) -> str:
        return self.skill.name


@dataclass(frozen=True, slots=True)
class LoadedSkills:
    """The skills from trusted folders.

    ``notices`` are sentences about what is not as its author meant it, ``shadowed`` about skills with the name of
    another one, ``untrusted`` the files of a project that is not trusted.
    """

    files: tuple[SkillFile, ...] = ()
    offered: Skills = field(default_factory=Skills)
    notices: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    untrusted: tuple[FoundFile, ...] = ()


def load_skills(folder: Path, trust: TrustFile, found: Iterable[FoundFile] | None = None) -> LoadedSkills:
    """Read the skills for ``folder``, or those already ``found``.

    Of those with the same name, the nearest counts.
    """
    files: dict[str, SkillFile] = {}
    notices: list[str] = []
    shadowed: list[str] = []
    untrusted: list[FoundFile] = []
    for each in find_skill_files(folder) if found is None else found:
        if each.project is not None and not trust.knows_project(each.project):
            untrusted.append(each)
            continue
        try:
            file = _read(each, notices)
        except Unreadable as error:
            notices.append(str(error))
            continue
        first = files.setdefault(file.name, file)
        if first.skill.folder != file.skill.folder:
            shadowed.append(f"{each.shown} is not used, because {first.file.shown} has the same name.")
    offered = _choose_offered(files.values(), notices)
    return LoadedSkills(tuple(files.values()), offered, tuple(notices), tuple(shadowed), tuple(untrusted))


def _read(found: FoundFile, notices: list[str]) -> SkillFile:
    """Return the skill in a file; raise Unreadable if it has none."""
    text, is_whole = read_text(found, MOST_BYTES)
    if not is_whole:
        raise Unreadable(f"{found.shown} is not used: a skill is limited to {MOST_BYTES:,} bytes.")
    folder = Path(os.path.realpath(found.path)).parent
    if home_folder().is_relative_to(folder):
        raise Unreadable(f"{found.shown} is not used, because its folder contains your home directory.")
    front = _FRONT_MATTER.match(text)
    if front is None:
        raise Unreadable(
            f"{found.shown} is not used, because it does not begin with front matter between lines of ---."
        )
    fields = _fields(front[1], found.path)
    description, _ = without_invisible(" ".join(fields.get("description", "").split()))
    if not description:
        raise Unreadable(f"{found.shown} is not used, because its front matter has no `description`.")
    if len(description) > LONGEST_DESCRIPTION:
        notices.append(f"Only {LONGEST_DESCRIPTION:,} characters of the description in {found.shown} are used.")
        description = f"{description[: LONGEST_DESCRIPTION - 1]}…"
    name = next((name for name in (fields.get("name", ""), found.path.parent.name) if _NAME.fullmatch(name)), None)
    if name is None:
        raise Unreadable(f"{found.shown} is not used: a skill is named with lowercase letters, digits, - and _.")
    skill = Skill(name, description, found.shown, folder)
    body, _ = without_invisible(text[front.end() :])
    return SkillFile(skill, body.strip(), found, fields.get("disable-model-invocation", "").lower() not in _TRUE)


def _fields(front: str, path: Path) -> Mapping[str, str]:
    """Return the texts at the top of the front matter, even if it is not quite YAML."""
    # Imported late for startup time: most users have no skills.
    from aloop.memory.codec.serialization import parse

    try:
        root = parse(front.encode(), path).root
    except SessionFileError:
        # Often a colon in a text without quotes, which other agents accept.
        return {name: value.strip("\"'") for name, value in _FIELD.findall(front)}
    return {name: node.text for name, node in root.values.items() if isinstance(node, ScalarNode)}


def _choose_offered(files: Iterable[SkillFile], notices: list[str]) -> Skills:
    """Return the skills for the model, as many as there is room for."""
    offered: list[Skill] = []
    left, more = MOST_OFFERED, 0
    for file in files:
        size = len(file.skill.line.encode()) + 1
        if not file.is_for_model:
            continue
        if size > left:
            more += 1
            continue
        left -= size
        offered.append(file.skill)
    if more:
        notices.append(
            f"{quantity(more, 'skill')} not offered to the model: together, their names and descriptions can have "
            f"{MOST_OFFERED:,} bytes. /skills lists them."
        )
    return Skills(tuple(offered))
