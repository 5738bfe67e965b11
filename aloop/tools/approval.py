"""Consent: what a tool call asks a person for, what the person says, and what needs no question any more.

Nothing here is ever stored, and nothing but the person and the program's own caller can grant anything: no text of a
session, a project or a tool's output comes near it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from aloop.errors import ToolError

Kind = Literal["write", "shell", "outside"]
"""What can be granted: to change files, to run commands, to leave the working directory (its ``.git`` is outside)."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Form = Literal["text", "diff", "output"]
"""How a text is best shown: as it is, as a unified diff, or as what a command printed, the end mattering most."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a call would do, exactly: ``summary`` is one line, ``detail`` the diff, the command or the path.

    All of ``kinds`` are needed for it.
    """

    kinds: tuple[Kind, ...]
    summary: str
    detail: str
    form: Form = "text"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said: ``session`` is a yes to all of its kinds until the session ends; a no may have a reason."""

    answer: Literal["once", "session", "no"]
    reason: str = ""


Ask = Callable[[Request], Awaitable[Decision]]


class Approval:
    """The rule for one agent: ``allowed`` holds for as long as it lives, what is granted on the way for one session.

    Where ``ask`` is None nobody can be asked, and what would have to be is refused.
    """

    def __init__(self, allowed: Iterable[Kind] = (), ask: Ask | None = None) -> None:
        self.ask = ask
        self._allowed = frozenset(allowed)
        self._granted: frozenset[Kind] = frozenset()
        self._session_id = ""
        self._asking = asyncio.Lock()

    def enter(self, session_id: str) -> None:
        """Forget what was granted when this is another session."""
        if session_id != self._session_id:
            self._session_id = session_id
            self._granted = frozenset()

    async def require(self, request: Request) -> None:
        """Return when the request is granted; raises ToolError, with the reason, when it is not.

        One question at a time: calls that run in parallel wait for each other here.
        """
        async with self._asking:
            missing = [kind for kind in request.kinds if kind not in self._allowed | self._granted]
            if not missing:
                return
            if self.ask is None:
                raise ToolError(
                    f"Refused: {request.summary}. Nobody can be asked here; --allow {','.join(missing)} would allow it."
                )
            decision = await self.ask(request)
        if decision.answer == "no":
            raise ToolError(_refusal(decision.reason))
        if decision.answer == "session":
            self._granted |= set(missing)


def _refusal(reason: str) -> str:
    said = f"The person said no: {reason.strip()}" if reason.strip() else "The person said no, without a reason."
    return f"{said}\nNothing was done. Do not try the same by other means; go on without it, or ask."
