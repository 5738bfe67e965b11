"""What a line means: a call of a command of ours, a command for the user's own shell, or text for the model."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CALL = re.compile(r"/([A-Za-z][A-Za-z_-]*|\?)?(?:\s+(.*))?\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A command and its argument, both as typed, white space around them removed."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command for the shell, perhaps empty; it gets the terminal itself, or is listened to."""

    command: str
    on_terminal: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """Text for the model, exactly as typed."""

    text: str


def parse_line(line: str) -> Call | Run | Chat | None:
    """Return what ``line`` means, None when it is blank.

    A slash at the very start makes it a command; a text that begins with one is sent with a space before it. Only the
    first word is the name, and ``/usr/bin`` is no name: it becomes a call of something unknown, never a chat.
    An exclamation mark at the very start makes it a command for the shell, two of them one that gets the terminal.
    """
    if not line.strip():
        return None
    if line.startswith("!"):
        on_terminal = line.startswith("!!")
        return Run(line[1 + on_terminal :].strip(), on_terminal)
    if not line.startswith("/"):
        return Chat(line)
    match = _CALL.match(line)
    if match:
        return Call(match.group(1) or "", (match.group(2) or "").strip())
    name, _, argument = line[1:].partition(" ")
    return Call(name, argument.strip())
