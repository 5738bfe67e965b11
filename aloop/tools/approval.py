"""Consent: what has to be asked, what needs no question any more, and what a no means.

Nothing here is ever stored, and nothing but the person and the program's own caller can grant anything: no text of a
session, a project or a tool's output comes near it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aloop.errors import ToolError
from aloop.permissions import Ask, Kind, PermissionRequest


class PermissionGate:
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

    async def require(self, request: PermissionRequest) -> None:
        """Return when the request is granted; raises ToolError, with the reason, when it is not.

        One question at a time: calls that run in parallel wait for each other here.
        """
        async with self._asking:
            missing = [kind for kind in request.kinds if kind not in self._allowed | self._granted]
            if not missing:
                return
            if self.ask is None:
                raise unattended(request, missing)
            decision = await self.ask(request)
        if decision.answer == "no":
            raise ToolError(_refusal(decision.reason))
        if decision.answer == "session":
            self._granted |= set(missing)


def unattended(request: PermissionRequest, missing: Sequence[Kind]) -> ToolError:
    """Return what to raise where nobody can be asked for what is ``missing``."""
    return ToolError(
        f"Refused: {request.summary}. Nobody can be asked here; --allow {','.join(missing)} would allow it."
    )


def _refusal(reason: str) -> str:
    said = f"The person said no: {reason.strip()}" if reason.strip() else "The person said no, without a reason."
    return f"{said}\nNothing was done. Do not try the same by other means; go on without it, or ask."
