"""What a tool is: a name, a JSON schema, and one coroutine.

Blocking work beside the event loop, told to stop when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from aloop.llm.base import ToolSpec
from aloop.permissions import Form, PermissionRequest


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What goes back to the model; ``is_error`` tells it that the call failed, ``form`` how a screen shows it best."""

    text: str
    is_error: bool = False
    form: Form = "text"


OutputCallback = Callable[[str], None]
"""Takes a piece of what a running tool puts out, for a person to follow."""


@dataclass(frozen=True, slots=True)
class Action:
    """A call made ready: ``run`` does just what ``request`` says, once that is granted; None asks for nothing."""

    run: Callable[[OutputCallback], Awaitable[ToolResult]]
    request: PermissionRequest | None = None


class Tool(ABC):
    """One tool; a subclass sets the three class attributes and ``run``.

    ``parameters`` is a JSON schema of type object; arguments are validated against it before ``run`` sees them.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[Mapping[str, Any]]
    headline: ClassVar[str] = ""
    """The name of the argument that tells a reader most, shown beside the tool's name; empty when there is none."""
    only_reads: ClassVar[bool] = False
    """Whether calls change nothing, so that several of them may run at once."""

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.description, self.parameters)

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        """Return what the call would do; a tool that a person has to allow says so here, and changes nothing yet.

        Raises ToolError, as ``run`` does, when it is clear by now that it can not be done.
        """
        return Action(lambda _tell: self.run(arguments))

    @abstractmethod
    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it; raise ToolError with a sentence the model can act on when it can not be done."""


T = TypeVar("T")


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run ``work(stop)`` in a thread; cancelling returns at once and sets ``stop``.

    A thread can not be ended from outside, and the process waits for it when it exits: work of any length looks at
    ``stop`` now and then and gives up when it is set.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()
