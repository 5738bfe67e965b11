"""What the offline demo is asked to do, when it is asked for something that a tool does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aloop.llm.arithmetic import find_expression

_WRITE = re.compile(
    r"(?:please\s+)?write\s+(?:the\s+)?(?:file\s+)?(\"[^\"]+\"|`[^`]+`|[^\s:]+)\s*:[ \t]*\n?(.+)", re.I | re.S
)
_RUN = re.compile(r"(?:please\s+)?run\s+(?:the\s+command\s+)?(?:`([^`]+)`[.!]?|(.+))", re.I)
_READ = re.compile(
    r"(?:please\s+)?read\s+(?:the\s+)?(?:file\s+)?(\"[^\"]+\"|'[^']+'|`[^`]+`|\S+?)[\s?!,;]*(?:please)?[\s?!]*", re.I
)
_QUOTES = "\"'`"


@dataclass(frozen=True, slots=True)
class Wish:
    """A tool's name, and the values of the arguments that it requires, in the order in which it names them."""

    tool: str
    values: tuple[str, ...]


def find_wish(text: str) -> Wish | None:
    """Return what ``text`` asks for: ``write PATH: TEXT``, ``run COMMAND``, ``read PATH``, or arithmetic."""
    said = text.strip()
    if found := _WRITE.fullmatch(said):
        return Wish("write_file", (_unquoted(found[1]), f"{found[2]}\n"))
    if found := _RUN.fullmatch(said):
        return Wish("run_shell", (found[1] or found[2],))
    if found := _READ.fullmatch(said):
        return Wish("read_file", (_unquoted(found[1]),))
    expression = find_expression(text)
    return Wish("calculator", (expression,)) if expression is not None else None


def _unquoted(word: str) -> str:
    return word[1:-1] if word[0] in _QUOTES and word[-1] == word[0] and len(word) > 2 else word
