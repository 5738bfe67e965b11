"""Definition of a small task for the agent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from aloop.llm.message_types import ToolCall
from tests.agent.scripted import Line, answer, calls

Check = Callable[[Path, str], None]
"""Called with the directory and the answer; fails if the task is not done."""


@dataclass(frozen=True)
class Task:
    """A task in a directory with ``files``, and the tool calls that complete it."""

    name: str
    prompt: str
    check: Check
    steps: Sequence[Sequence[tuple[str, Mapping[str, object]]]]
    answer: str
    files: Mapping[str, str] = field(default_factory=dict)

    def lay_out(self, folder: Path) -> None:
        """Create the directory and write the files, without newline translation."""
        folder.mkdir(exist_ok=True)
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())

    def scripts(self) -> list[list[Line]]:
        """Return the replies of a scripted model."""
        numbers = count(1)
        asked = (
            [ToolCall(f"call_{next(numbers)}", tool, json.dumps(arguments)) for tool, arguments in step]
            for step in self.steps
        )
        return [*(calls(*step) for step in asked), answer(self.answer)]
