"""Permissions for tool calls: when to ask, and what has been granted.

Grants are never stored, and only the user or the calling program can give them: no text from a session, a project or
a tool's output can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aloop.errors import ToolError
from aloop.llm.details.provenance import Permission
from aloop.permissions import Ask, Kind, PermissionRequest


class PermissionGate:
    """The permissions of one agent.

    ``allowed`` kinds are never asked for; kinds granted by the user last for one session. If ``ask`` is None, no one
    can be asked, and every other kind is denied.
    """

    def __init__(self, allowed: Iterable[Kind] = (), ask: Ask | None = None) -> None:
        self.ask = ask
        self._allowed = frozenset(allowed)
        self._granted: frozenset[Kind] = frozenset()
        self._visit: object = None
        self._asking = asyncio.Lock()

    def enter(self, visit: object) -> None:
        """Forget the grants if this is another session, or the same one resumed."""
        if visit != self._visit:
            self._visit = visit
            self._granted = frozenset()

    async def require(self, request: PermissionRequest) -> Permission:
        """Return the decision once the request is granted; raise Refused if it is denied.

        Parallel calls wait for each other here, so the user sees one question at a time.
        """
        async with self._asking:
            missing = [kind for kind in request.kinds if kind not in self._allowed | self._granted]
            if not missing:
                return self._without_asking(request.kinds)
            if self.ask is None:
                raise unattended(request, missing)
            decision = await self.ask(request)
        if decision.answer == "no":
            raise Refused(_refusal(decision.reason), Permission("refused", "user", decision.reason.strip()))
        if decision.answer == "session":
            self._granted |= set(missing)
        return Permission(decision.answer, "user")

    def _without_asking(self, kinds: Sequence[Kind]) -> Permission:
        """Return the earlier decision that covers a request."""
        if granted := [kind for kind in kinds if kind not in self._allowed]:
            return Permission("session", "user", f"{', '.join(granted)} in this session")
        return Permission("allowed", "rule", f"--allow {','.join(kinds)}")


class Refused(ToolError):
    """A call that was denied permission; ``permission`` is the decision to be stored."""

    def __init__(self, message: str, permission: Permission) -> None:
        super().__init__(message)
        self.permission = permission


def unattended(request: PermissionRequest, missing: Sequence[Kind]) -> Refused:
    """Return the error for a request that no one can be asked about."""
    return Refused(
        f"Refused: {request.summary}. No one can be asked for permission in this run; "
        f"--allow {','.join(missing)} would allow it.",
        Permission("refused", "rule", "no one can be asked in this run"),
    )


def _refusal(reason: str) -> str:
    denial = f"The user denied this call: {reason.strip()}" if reason.strip() else "The user denied this call."
    return (
        f"{denial}\nNothing was done. Do not try to do the same in another way. Continue without it, or ask the user."
    )
