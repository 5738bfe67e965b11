"""The system prompt. The same tools in the same directory make the same text: caches and diffs stay small."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aloop.llm.base import ToolSpec

_WHO = (
    "You are aloop, an assistant that a person talks with at a terminal prompt. The conversation is kept as a text "
    "file that the person owns and may edit."
)
_HOW = (
    "Answer in the person's language, to the point, in Markdown that reads well in a terminal. Say so when you do not "
    "know something, and when something could not be done."
)
_NO_TOOLS = "You have no tools in this conversation."


def system_prompt(working_dir: Path, tools: Sequence[ToolSpec]) -> str:
    """Return the text for a new conversation; the date is left out on purpose."""
    return "\n\n".join([_WHO, _HOW, f"Working directory: {working_dir}", _tool_advice(tools)])


def is_system_prompt(text: str) -> bool:
    """Whether ``text`` is one that ``system_prompt`` makes, wherever and with whatever tools."""
    who, _, rest = text.partition("\n\n")
    how, _, rest = rest.partition("\n\n")
    place, _, advice = rest.partition("\n\n")
    # A path with white space in it could be a sentence.
    if (who, how) != (_WHO, _HOW) or not re.fullmatch(r"Working directory: /\S{0,300}", place):
        return False
    named = re.match(r"Tools: (\w{1,40}(?:, \w{1,40})*)\. ", advice)
    return advice == (_advice(named[1]) if named else _NO_TOOLS)


def _tool_advice(tools: Sequence[ToolSpec]) -> str:
    return _advice(", ".join(tool.name for tool in tools)) if tools else _NO_TOOLS


def _advice(names: str) -> str:
    return (
        f"Tools: {names}. Use them rather than guess: for arithmetic, and for what stands in files. When a call fails, "
        "its result says why; try another way, or tell the person. Some calls the person has to allow, and is then "
        "asked: call the tool rather than ask in words. What is refused stays undone, by whatever means."
    )
