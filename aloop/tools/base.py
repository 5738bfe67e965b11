"""The base class of tools, and blocking work in threads that can be told to stop."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from aloop.llm.base import ToolSpec
from aloop.llm.content.parts import MediaFile
from aloop.llm.content.provenance import FileChange, Permission
from aloop.permissions import Form, PermissionRequest

Hides = Callable[[Path], Callable[[Path], bool]]
"""Returns a function for a folder, which is true for the real paths in it to leave out."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result for the model; ``form`` is a hint for display.

    ``fact`` is what the user is shown first: what went wrong without the advice for the model, or the exit code.
    ``media`` are images and documents for the model. ``changes`` are the files that the call has changed,
    ``permission`` is the decision about it; both are only stored.
    """

    text: str
    is_error: bool = False
    form: Form = "text"
    changes: tuple[FileChange, ...] = ()
    permission: Permission | None = None
    media: tuple[MediaFile, ...] = ()
    fact: str = ""


OutputCallback = Callable[[str], None]
"""Receives pieces of a running tool's output, for display."""


@dataclass(frozen=True, slots=True)
class Action:
    """A prepared call.

    ``run`` does exactly what ``request`` describes, once that is granted; None means that no permission is needed.
    """

    run: Callable[[OutputCallback], Awaitable[ToolResult]]
    request: PermissionRequest | None = None


class Tool(ABC):
    """Base class of tools.

    Subclasses set ``name``, ``description`` and ``parameters``, and implement ``run``. ``parameters`` is a JSON schema
    of type object; arguments are validated against it before ``run`` is called.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[Mapping[str, Any]]
    headline: ClassVar[str] = ""
    """The argument to show beside the tool's name; empty for none."""
    only_reads: ClassVar[bool] = False
    """True if calls change nothing, so that several may run at once."""
    hides: Hides = staticmethod(lambda _start: lambda _path: False)
    """Tells a tool that lists names or contents what to leave out; the runner sets it."""

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.description, self.parameters)

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        """Return the call as an action, without changing anything yet.

        Tools that need permission override this to add a request. Raises ToolError if the call is already known to
        fail.
        """
        return Action(lambda _on_output: self.run(arguments))

    @abstractmethod
    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Run the call; raise ToolError if it fails."""


T = TypeVar("T")


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run ``work(stop)`` in a thread; cancelling returns at once and sets ``stop``.

    A thread cannot be ended from outside, and the process waits for it on exit, so long work must check ``stop``
    regularly and return when it is set.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()


_PATIENCE = 2.0  # seconds that a cancelled caller waits for a change of files


async def finish_in_thread(work: Callable[[], T]) -> T:
    """Run ``work()`` in a thread, and return its result even if cancelled.

    For a change of files, which takes a moment: without its result, no one would know that it was made. After
    _PATIENCE, or a second cancellation, CancelledError is raised, and the thread continues.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running], timeout=_PATIENCE)
        if running.done():
            return running.result()
        raise
    finally:
        running.cancel()
