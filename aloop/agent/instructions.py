"""Instructions, skills and notes: what the model is told besides the messages.

Instructions and skills are sections at the end of the system prompt. Messages that were sent never change, because the
API binds thinking to them. So anything new that the model should know is a note at the end of the next user message: a
moved working directory, changed project instructions or skills, plan mode.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import ClassVar

from aloop.llm.json_values import digest_of_bytes
from aloop.llm.prompts import DIRECTORY, PROJECT_INSTRUCTIONS, SKILLS
from aloop.memory.context import estimate_tokens
from aloop.sanitize import one_line

NO_DIGEST = "none"
"""The digest of an empty section."""


class Section(ABC):
    """A section of the system prompt that can change during a conversation."""

    title: ClassVar[str]
    key: ClassVar[str]
    """The key of the digest in the header of a session."""
    _advice: ClassVar[str]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of the parts, which the user sees."""

    @property
    @abstractmethod
    def blocks(self) -> str:
        """The parts as sent to the model."""

    @property
    def digest(self) -> str:
        """A short digest of the parts."""
        return digest_of_bytes(self.blocks.encode("utf-8", "surrogatepass")) if self.names else NO_DIGEST

    @property
    def section(self) -> str:
        """The section with its heading; empty without parts."""
        return f"{self.title} (digest {self.digest}). {self._advice}\n\n{self.blocks}" if self.names else ""


@dataclass(frozen=True, slots=True)
class InstructionFile:
    """A file of instructions, with the path that the user and the model see."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Instructions(Section):
    """The instructions that apply, the most general file first."""

    files: tuple[InstructionFile, ...] = ()

    title = PROJECT_INSTRUCTIONS
    key = "instructions"
    _advice = (
        "They are from files in folders that the user trusts. Follow them unless the user asks for something else. A "
        "later file takes precedence over an earlier one."
    )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.files)

    @property
    def blocks(self) -> str:
        """The texts, each with its path."""
        return "\n\n".join(
            f'<instructions path="{_shown(file.name)}">\n{file.text.strip()}\n</instructions>' for file in self.files
        )


@dataclass(frozen=True, slots=True)
class Skill:
    """Instructions for one kind of task, which the model reads when it needs them.

    ``path`` is what the model passes to read_file, ``folder`` the real path of the folder with the file.
    """

    name: str
    description: str
    path: str
    folder: Path

    @property
    def line(self) -> str:
        """The skill as offered to the model."""
        description = escape(self.description, quote=False)
        return f'<skill name="{self.name}" path="{_shown(self.path)}">{description}</skill>'


@dataclass(frozen=True, slots=True)
class Skills(Section):
    """The skills that are offered to the model."""

    items: tuple[Skill, ...] = ()

    title = SKILLS
    key = "skills"
    _advice = (
        "Each one is a file with instructions for one kind of task. If a description fits the task, read the file with "
        "read_file before you begin, and follow it. Paths in the file are relative to its folder."
    )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(skill.name for skill in self.items)

    @property
    def blocks(self) -> str:
        """A line for each skill."""
        return "\n".join(["<skills>", *(skill.line for skill in self.items), "</skills>"])


def _shown(path: str) -> str:
    """Return a path for the model, which cannot end its line or its attribute."""
    return escape(one_line(path))


_MOVED = "[The working directory is now {}.]"
_CHANGED = "[{} (digest {}). These replace all earlier ones:]"
_GONE = "[{} (digest {}). The earlier ones do not apply any more.]"
_PLAN = (
    "[Plan mode is on. Only look: calls that write files or run commands are refused. Read what you need, then end "
    "your answer with a section that has the heading “## Plan” and lists the steps. The user decides whether to carry "
    "it out.]"
)
_NO_PLAN = "[Plan mode is off.]"

_NOTES = re.compile(
    r"(?>\n\n(?:\[The working directory is now [^\n]*\.\]|\[Plan mode is o[^\n]*\]"
    r"|\[Skills \(digest [^\n]*\](?:\n\n<skills>.*?\n</skills>)?"
    r"|\[Project instructions \(digest [^\n]*\](?:\n\n<instructions path=.*</instructions>)?))+\Z",
    re.DOTALL,
)
_DIRECTORY = re.compile(r"^\[The working directory is now ([^\n]*)\.\]$", re.MULTILINE)
_DIGESTS = {
    title: re.compile(rf"^\[?{title} \(digest (\w+)\)\.", re.MULTILINE) for title in (SKILLS, PROJECT_INSTRUCTIONS)
}
_PLAN_MODE = re.compile(r"^\[Plan mode is (on|off)\.", re.MULTILINE)


def without_notes(text: str) -> str:
    """Return a user message without the notes that aloop added to it."""
    return _NOTES.sub("", text)


def directory_note(directory: Path) -> str:
    """Return the note that the working directory has changed."""
    return _MOVED.format(one_line(str(directory)))


def section_note(section: Section) -> str:
    """Return the note that a section has changed."""
    if not section.names:
        return _GONE.format(section.title, NO_DIGEST)
    return f"{_CHANGED.format(section.title, section.digest)}\n\n{section.blocks}"


def plan_note(*, is_on: bool) -> str:
    """Return the note that plan mode is on or off."""
    return _PLAN if is_on else _NO_PLAN


def with_notes(text: str, notes: Iterable[str]) -> str:
    """Return a user message with ``notes`` at its end."""
    return "\n\n".join((text, *notes))


def known_directory(system: str, user_texts: Iterable[str]) -> str | None:
    """Return the working directory that the model was told last, or None."""
    known = next((line.removeprefix(DIRECTORY) for line in system.splitlines() if line.startswith(DIRECTORY)), None)
    return _last(_DIRECTORY, user_texts) or known


def known_digest(title: str, system: str, user_texts: Iterable[str]) -> str:
    """Return the digest of the section that the model was given last."""
    found = _DIGESTS[title].match(_section(title, system))
    return _last(_DIGESTS[title], user_texts) or (found[1] if found else NO_DIGEST)


def section_tokens(title: str, system: str) -> int:
    """Estimate the tokens of a section of a system text."""
    section = _section(title, system)
    return estimate_tokens(section) if section else 0


def _section(title: str, system: str) -> str:
    """Return a section of a system text, empty if it has none."""
    # The instructions are last, and may contain anything.
    before, _, instructions = f"\n\n{system}".partition(mark := f"\n\n{PROJECT_INSTRUCTIONS} (digest ")
    if title == PROJECT_INSTRUCTIONS:
        return f"{mark}{instructions}".lstrip("\n") if instructions else ""
    _, _, skills = before.partition(mark := f"\n\n{SKILLS} (digest ")
    return f"{mark}{skills}".lstrip("\n") if skills else ""


def knows_plan_mode(user_texts: Iterable[str]) -> bool:
    """Return True if the model was told last that plan mode is on."""
    return _last(_PLAN_MODE, user_texts) == "on"


def _last(pattern: re.Pattern[str], user_texts: Iterable[str]) -> str | None:
    """Return what ``pattern`` finds last in the notes of user messages."""
    known = None
    for text in user_texts:
        if (notes := _NOTES.search(text)) and (found := pattern.search(notes[0])):
            known = found[1]
    return known
