"""Sections at the end of the system prompt: skills, and instructions from files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import ClassVar

from aloop.llm.json_values import digest_of_bytes
from aloop.llm.prompts import PROJECT_INSTRUCTIONS, SKILLS

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
            f'<instructions path="{file.name}">\n{file.text.strip()}\n</instructions>' for file in self.files
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
        return f'<skill name="{self.name}" path="{escape(self.path)}">{escape(self.description, quote=False)}</skill>'


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
