"""The system prompt. The same tools in the same directory make the same text: caches and diffs stay small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aloop.llm.base import ToolSpec
from aloop.llm.system_text import DIRECTORY, HOW, NO_TOOLS, TOOLS, WHO


def system_prompt(working_dir: Path, tools: Sequence[ToolSpec]) -> str:
    """Return the text for a new conversation; the date is left out on purpose."""
    return "\n\n".join([WHO, HOW, f"{DIRECTORY}{working_dir}", _tool_advice(tools)])


def _tool_advice(tools: Sequence[ToolSpec]) -> str:
    if not tools:
        return NO_TOOLS
    names = ", ".join(tool.name for tool in tools)
    return (
        f"{TOOLS}{names}. Use them rather than guess: for arithmetic, and for what stands in files. When a call fails, "
        "its result says why; try another way, or tell the person. Some calls the person has to allow, and is then "
        "asked: call the tool rather than ask in words. What is refused stays undone, by whatever means."
    )
