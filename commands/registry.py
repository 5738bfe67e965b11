"""The registry of commands, the only list for dispatch, help and completion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from aloop.text import closest_match

if TYPE_CHECKING:
    from aloop.memory.projects import Place

C = TypeVar("C")
"""The context that handlers are given; generic, so that this module need not import it."""


class Next(Enum):
    """The next step of the shell after a line."""

    READ = "read"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a line: the next step, and text to put back on the prompt.

    ``is_done`` is False if the line failed or was stopped, so that lines that wait for it must not follow. ``place`` is
    a session to resume in its project after this shell.
    """

    next: Next = Next.READ
    prefill: str = ""
    is_done: bool = True
    place: Place | None = None


FAILED = Outcome(is_done=False)


class Argument(Enum):
    """The kind of a command's argument, for completion."""

    NONE = "none"
    SESSION = "session"
    DELETED = "deleted"
    COMMAND = "command"
    MODEL = "model"
    EFFORT = "effort"
    MODE = "mode"
    TAG = "tag"
    TEXT = "text"


Handler = Callable[[C, str], Awaitable[Outcome | None]]
"""Runs a command with its argument; None is the default outcome."""


@dataclass(frozen=True, slots=True)
class Command(Generic[C]):
    """A command; ``usage`` is its argument in the help, ``group`` its heading there."""

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
        """The command as typed, with its argument."""
        return f"/{self.name} {self.usage}".rstrip()


class Registry(Generic[C]):
    """Commands by name and alias, in the given order.

    ``more`` are commands from files. One whose name is taken is left out.
    """

    def __init__(self, commands: Iterable[Command[C]], more: Iterable[Command[C]] = ()) -> None:
        self._builtin = tuple(commands)
        self._by_name: dict[str, Command[C]] = {}
        for command in self._builtin:
            for name in (command.name, *command.aliases):
                if name in self._by_name:
                    raise ValueError(f"two commands are named /{name}")
                self._by_name[name] = command
        accepted: list[Command[C]] = []
        for command in more:
            if command.name not in self._by_name:
                self._by_name[command.name] = command
                accepted.append(command)
        self._commands = (*self._builtin, *accepted)

    @property
    def commands(self) -> tuple[Command[C], ...]:
        return self._commands

    def with_more(self, more: Iterable[Command[C]]) -> Registry[C]:
        """Return a registry of the same built-in commands and of ``more``."""
        return Registry(self._builtin, more)

    def find_builtin(self, name: str) -> Command[C] | None:
        """Return the built-in command with this name or alias, as ``find`` does."""
        command = self.find(name)
        return command if command in self._builtin else None

    def find(self, name: str) -> Command[C] | None:
        """Return the command with this name or alias, without slash, in any case."""
        return self._by_name.get(name.lower())

    def suggest(self, name: str) -> str | None:
        """Return the closest match for a mistyped name, or None."""
        if guess := closest_match(name.lower(), self._by_name):
            return guess
        starting = [known for known in self._by_name if name and known.startswith(name.lower())]
        return starting[0] if starting else None
