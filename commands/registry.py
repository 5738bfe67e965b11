"""The one list of commands: dispatch, help, completion and the README all read it.

How a line ends: what the shell does next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from aloop.suggestions import closest_match

C = TypeVar("C")
"""The context that a handler is given; this module does not need to know it."""


class Next(Enum):
    """What the shell does after a line."""

    READ = "read"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a command: what comes next, and the text to put on the prompt, for another try."""

    next: Next = Next.READ
    prefill: str = ""


class Argument(Enum):
    """What a command's argument is, so that the completer knows what to offer."""

    NONE = "none"
    SESSION = "session"
    DELETED = "deleted"
    COMMAND = "command"
    MODEL = "model"
    TEXT = "text"


Handler = Callable[[C, str], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Command(Generic[C]):
    """One command; ``usage`` is its argument as help shows it, ``group`` the heading it stands under."""

    name: str
    summary: str
    handler: Handler[C]
    usage: str = ""
    argument: Argument = Argument.NONE
    aliases: tuple[str, ...] = ()
    group: str = "Session"
    example: str = ""

    @property
    def invocation(self) -> str:
        """The command as one types it, its argument included."""
        return f"/{self.name} {self.usage}".rstrip()


class Registry(Generic[C]):
    """Commands by name and alias, in the order in which they were given."""

    def __init__(self, commands: Iterable[Command[C]]) -> None:
        self._commands = tuple(commands)
        self._by_name: dict[str, Command[C]] = {}
        for command in self._commands:
            for name in (command.name, *command.aliases):
                if name in self._by_name:
                    raise ValueError(f"two commands are called /{name}")
                self._by_name[name] = command

    @property
    def commands(self) -> tuple[Command[C], ...]:
        return self._commands

    def find(self, name: str) -> Command[C] | None:
        """Return the command of that name or alias (without the slash, any case), or None."""
        return self._by_name.get(name.lower())

    def suggest(self, name: str) -> str | None:
        """Return the name nearest to a mistyped one, or None when nothing is near."""
        if guess := closest_match(name.lower(), self._by_name, cutoff=0.5):
            return guess
        begins = [known for known in self._by_name if name and known.startswith(name.lower())]
        return begins[0] if begins else None
