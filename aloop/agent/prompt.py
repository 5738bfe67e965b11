"""The system prompt. The same tools in the same directory make the same text: caches and diffs stay small."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aloop.llm.base import ToolSpec
from aloop.llm.system_text import DIRECTORY, HOW, NO_TOOLS, TOOLS, WHO


def system_prompt(working_dir: Path, tools: Sequence[ToolSpec]) -> str:
    """Return the text for a new conversation; the date is left out on purpose."""
    return "\n\n".join([WHO, HOW, f"{DIRECTORY}{working_dir}", _tool_advice(tools)])


def is_system_prompt(text: str) -> bool:
    """Whether ``text`` is one that ``system_prompt`` makes, wherever and with whatever tools."""
    who, _, rest = text.partition("\n\n")
    how, _, rest = rest.partition("\n\n")
    place, _, advice = rest.partition("\n\n")
    # A path with white space in it could be a sentence.
    if (who, how) != (WHO, HOW) or not re.fullmatch(rf"{DIRECTORY}/\S{{0,300}}", place):
        return False
    named = re.match(rf"{TOOLS}(\w{{1,40}}(?:, \w{{1,40}})*)\. ", advice)
    return advice == (_advice(named[1]) if named else NO_TOOLS)


def _tool_advice(tools: Sequence[ToolSpec]) -> str:
    return _advice(", ".join(tool.name for tool in tools)) if tools else NO_TOOLS


def _advice(names: str) -> str:
    return (
        f"{TOOLS}{names}. Use them rather than guess: for arithmetic, and for what stands in files. When a call fails, "
        "its result says why; try another way, or tell the person. Some calls the person has to allow, and is then "
        "asked: call the tool rather than ask in words. What is refused stays undone, by whatever means."
    )
