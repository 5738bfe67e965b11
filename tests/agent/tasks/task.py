"""The record of a small task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from aloop.llm.message_types import ToolCall
from tests.agent.scripted import Line, answer, calls

Check = Callable[[Path, str], None]
"""Raises an error if a task was not done; called with directory and answer."""


@dataclass(frozen=True)
class Task:
    """A task in a directory with ``files``; ``steps`` are calls that solve it."""

    name: str
    prompt: str
    check: Check
    steps: Sequence[Sequence[tuple[str, Mapping[str, object]]]]
    answer: str
    files: Mapping[str, str] = field(default_factory=dict)

    def lay_out(self, folder: Path) -> None:
        """Make the directory with its files."""
        folder.mkdir(exist_ok=True)
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())

    def scripts(self) -> list[list[Line]]:
        """Return the scripts of a model that solves the task."""
        numbers = count(1)
        asked = (
            [ToolCall(f"call_{next(numbers)}", tool, json.dumps(arguments)) for tool, arguments in step]
            for step in self.steps
        )
        return [*(calls(*step) for step in asked), answer(self.answer)]
