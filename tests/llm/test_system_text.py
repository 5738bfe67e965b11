"""The standard system message in few words."""

from __future__ import annotations

from pathlib import Path

from aloop.llm.base import ToolSpec
from aloop.llm.prompts import BRIEF, briefly, system_prompt


def test_the_standard_text_is_a_few_words() -> None:
    tool = ToolSpec("calculator", "", {})
    assert briefly(system_prompt(Path("/tmp"), [tool])) == briefly(system_prompt(Path("/"), [])) == BRIEF


def test_what_a_person_added_to_it_stays() -> None:
    assert briefly(system_prompt(Path("/tmp"), []) + "\n\nSpeak French.") == f"{BRIEF}\n\nSpeak French."


def test_a_text_of_ones_own_is_left_alone() -> None:
    assert briefly("You are a pirate.\n\nTools: a sword.") == "You are a pirate.\n\nTools: a sword."
