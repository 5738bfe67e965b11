"""Instructions for the model from the user's and the project's files."""

from __future__ import annotations

from dataclasses import dataclass

from aloop.llm.json_values import digest_of_bytes
from aloop.llm.prompts import PROJECT_INSTRUCTIONS


@dataclass(frozen=True, slots=True)
class InstructionFile:
    """A file of instructions, with the path that the user and the model see."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Instructions:
    """The instructions that apply, the most general file first."""

    files: tuple[InstructionFile, ...] = ()

    @property
    def digest(self) -> str:
        """A short digest of names and texts; ``none`` without files."""
        if not self.files:
            return "none"
        return digest_of_bytes(self.blocks.encode("utf-8", "surrogatepass"))

    @property
    def blocks(self) -> str:
        """The texts, each with its path, as sent to the model."""
        return "\n\n".join(
            f'<instructions path="{file.name}">\n{file.text.strip()}\n</instructions>' for file in self.files
        )

    @property
    def section(self) -> str:
        """The last section of the system prompt; empty without files."""
        if not self.files:
            return ""
        return f"{PROJECT_INSTRUCTIONS} (digest {self.digest}). {_ADVICE}\n\n{self.blocks}"


_ADVICE = (
    "They are from files in folders that the user trusts. Follow them unless the user asks for something else. A later "
    "file takes precedence over an earlier one."
)
