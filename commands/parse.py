"""Parses a typed line into a command, a shell command, or text for the model.

Apart from ``dispatch``, because the prompt parses lines before the engine is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CALL = re.compile(r"/([A-Za-z][A-Za-z0-9_-]*|\?)?(?:\s+(.*))?\s*\Z", re.DOTALL)

_LEAVING = ("exit", "quit")


@dataclass(frozen=True, slots=True)
class Call:
    """A slash command and its argument, as typed but stripped."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Run:
    """A shell command, possibly empty; ``on_terminal`` gives it the terminal."""

    command: str
    on_terminal: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """Text for the model, exactly as typed."""

    text: str


def as_text(line: str) -> str:
    """Return ``line`` with a space before it if it would not be text for the model."""
    return line if isinstance(parse_line(line), Chat | None) else f" {line}"


def parse_line(line: str) -> Call | Run | Chat | None:
    """Return the meaning of ``line``; None if it is blank.

    ``exit``, ``quit`` and ``?`` alone are commands too; a space before them sends them as text.

    A slash at the very start marks a command; text that begins with a slash is sent by typing a space before it. Only
    the first word is the name. ``/usr/bin`` is not a valid name, but still parses as an unknown command, never as text.
    ``!`` at the very start marks a shell command, ``!!`` one that gets the terminal.
    """
    if not line.strip():
        return None
    if line.startswith("!"):
        on_terminal = line.startswith("!!")
        return Run(line[1 + on_terminal :].strip(), on_terminal)
    if line.rstrip() == "?":
        return Call("help", "keys")
    if line.rstrip().lower() in _LEAVING:
        return Call(line.rstrip().lower(), "")
    if not line.startswith("/"):
        return Chat(line)
    match = _CALL.match(line)
    if match:
        return Call(match.group(1) or "", (match.group(2) or "").strip())
    name, _, argument = line[1:].partition(" ")
    return Call(name, argument.strip())
