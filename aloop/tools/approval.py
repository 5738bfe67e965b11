"""Permissions for tool calls: when to ask, and what has been granted.

Grants and rules come only from the user or the calling program: no text from a session, a project or a tool's output
can give them. Rules are stored, if the user accepts them; grants never are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from aloop.errors import AloopError, Problem, ToolError
from aloop.llm.content.provenance import Permission
from aloop.permissions import KINDS, Ask, Kind, Mode, PermissionRequest
from aloop.tools.rules.rule import COMMAND_VERBS, Rule, is_of_user
from aloop.tools.rules.rule_set import Decision, RuleSet, verb_of

NOT_NEEDED = Permission("allowed", "rule")
"""The decision about a request without kinds, which no rule stops. It is not stored."""

_PLAN_REFUSES: frozenset[Kind] = frozenset({"write", "shell"})


class PermissionGate:
    """The permissions of one agent.

    ``allowed`` kinds are never asked for; kinds granted by the user last for one session. If ``ask`` is None, no one
    can be asked, and every other kind is denied. ``rules`` are those of the user. ``report`` is called with a sentence
    if an accepted rule cannot be stored. ``readable`` are real paths of folders that may be read without a question.
    """

    def __init__(
        self,
        allowed: Iterable[Kind] = (),
        ask: Ask | None = None,
        rules: RuleSet | None = None,
        report: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self.ask = ask
        self.mode: Mode = "ask"
        self.readable: tuple[Path, ...] = ()
        self._rules = rules
        self._report = report
        self._allowed = frozenset(allowed)
        self._granted: frozenset[Kind] = frozenset()
        self._visit: object = None
        self._asking = asyncio.Lock()

    @property
    def granted(self) -> frozenset[Kind]:
        """The kinds that are not asked for now."""
        return self._allowed | self._granted

    def follow(self, root: Path) -> None:
        """Apply the rules to the project at ``root``, to which it was moved."""
        if self._rules:
            self._rules.follow(root)

    def enter(self, visit: object) -> None:
        """Forget the grants if this is another session, or the same one resumed."""
        if visit != self._visit:
            self._visit = visit
            self._granted = frozenset()

    def hidden(self, start: Path) -> Callable[[Path], bool]:
        """Return a function that is true for files below ``start`` that rules hide."""
        if self._rules is None:
            return lambda _path: False
        try:
            return self._rules.hidden(start)
        except AloopError as error:
            raise _unreadable(error) from error

    async def require(self, request: PermissionRequest) -> Permission:
        """Return the decision once the request is granted; raise Refused if it is denied.

        It is NOT_NEEDED if the request has no kinds and no rule stops it.
        Parallel calls wait for each other here, so the user sees one question at a time.
        """
        async with self._asking:
            decided = self._decide(request)
            if decided is not None and decided.verdict == "deny":
                refusal = f"Refused by the user's rule: {decided.reason}"
                raise Refused(refusal, _ADVICE, Permission("refused", "rule", decided.reason))
            if self.mode == "plan" and _PLAN_REFUSES & set(request.kinds):
                raise Refused(*_PLANNING, Permission("refused", "rule", "plan mode"))
            if decided is not None and decided.verdict == "allow":
                return Permission("allowed", "rule", decided.reason)
            if decided is None and self._is_readable(request):
                return Permission("allowed", "rule", "a skill's folder")
            is_own = verb_of(request) == "write" and any(map(is_of_user, request.paths))
            must_ask = is_own or (decided is not None and decided.verdict == "ask")
            # The grants of a session are about commands in the sandbox.
            silent = self._allowed if request.is_unsandboxed else self._silent
            missing = [kind for kind in request.kinds if must_ask or kind not in silent]
            if not missing and not must_ask:
                return self._without_asking(request.kinds)
            if self.ask is None:
                raise unattended(request, () if must_ask else self._allowed.union(request.kinds))
            offered = self._rules.offer(request) if self._rules and not must_ask else ()
            decision = await self.ask(replace(request, offer=tuple(_offer_text(rule) for rule in offered)))
            if decision.answer == "rule" and self._rules and offered:
                await self._remember(self._rules, offered)
        if decision.answer == "no":
            reason = decision.reason.strip()
            denial = f"The user denied this call: {reason}" if reason else "The user denied this call."
            raise Refused(denial, _ADVICE, Permission("refused", "user", reason))
        if decision.answer == "session":
            self._granted |= set(missing)
        if decision.answer == "rule":
            return Permission("allowed", "user", ", ".join(map(str, offered)))
        return Permission(decision.answer, "user")

    def _is_readable(self, request: PermissionRequest) -> bool:
        """Return True if a request only reads in a folder that is free to read."""
        is_read = request.kinds == ("outside",) and verb_of(request) == "read" and bool(request.paths)
        return is_read and any(request.paths[0].is_relative_to(folder) for folder in self.readable)

    @property
    def _silent(self) -> frozenset[Kind]:
        """The kinds that need no question now."""
        edits: frozenset[Kind] = frozenset({"write"}) if self.mode == "edits" else frozenset()
        return self._allowed | self._granted | edits

    def _decide(self, request: PermissionRequest) -> Decision | None:
        """Return the decision of the rules; refuse everything if they cannot be read."""
        if self._rules is None:
            return None
        try:
            return self._rules.decide(request)
        except AloopError as error:
            raise _unreadable(error) from error

    async def _remember(self, rules: RuleSet, offered: Sequence[Rule]) -> None:
        try:
            # Off the event loop: another process may hold the lock of the file.
            await asyncio.to_thread(rules.remember, offered)
        except AloopError as error:
            self._report(Problem(f"{error} The rule counts until you leave aloop."))

    def _without_asking(self, kinds: Sequence[Kind]) -> Permission:
        """Return the earlier decision that covers a request."""
        if not kinds:
            return NOT_NEEDED
        if asked := [kind for kind in kinds if kind not in self._allowed]:
            granted = [kind for kind in asked if kind in self._granted]
            if granted != asked:
                return Permission("session", "user", "edits are accepted")
            return Permission("session", "user", f"{', '.join(granted)} in this session")
        return Permission("allowed", "rule", f"--allow {','.join(kinds)}")


def _offer_text(rule: Rule) -> str:
    """Return a rule as a question offers it."""
    return rule.pattern.removesuffix("*") + "…" if rule.verb in COMMAND_VERBS and rule.is_prefix else rule.pattern


_ADVICE = "Nothing was done. Do not try to do the same in another way. Continue without it, or ask the user."

_PLANNING = (
    "Refused, because plan mode is on: nothing may be changed or run yet.",
    "Read what you need, then describe the change in a section “## Plan” at the end of your answer.",
)
"""The fact and the advice for a call that plan mode refuses."""


class Refused(ToolError):
    """A call that was denied permission; ``permission`` is the decision to be stored."""

    def __init__(self, fact: str, advice: str, permission: Permission) -> None:
        super().__init__(fact, advice)
        self.permission = permission


def _unreadable(error: AloopError) -> Refused:
    permission = Permission("refused", "rule", "unreadable rules")
    return Refused(f"Refused: {error}", "The user must correct that first.", permission)


def unattended(request: PermissionRequest, needed: Iterable[Kind]) -> Refused:
    """Return the error for a request without a user.

    ``needed`` are all kinds that --allow must list, including those it already lists.
    """
    listed = ",".join(kind for kind in KINDS if kind in needed)
    remedy = f"; --allow {listed} would allow" if listed else ", and nothing else can allow"
    return Refused(
        # The remedy is in the fact, because it is for the user.
        f"Refused: no one can be asked for permission in this run{remedy} {request.summary}.",
        "",
        Permission("refused", "rule", "no one can be asked in this run"),
    )
