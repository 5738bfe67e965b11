"""The rules that apply in a project, and their decision about a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aloop.permissions import PermissionRequest
from aloop.tools.rules.command_words import Command, split_command
from aloop.tools.rules.programs import is_runner, usual_prefix_length
from aloop.tools.rules.rule import Rule, Verb, Verdict, is_guarded

_MOST_OFFERED = 3
_LONGEST_OFFER = 120


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the rules that it is based on, as text."""

    verdict: Verdict
    reason: str


class RuleSource(Protocol):
    """A store of rules."""

    def read(self) -> Sequence[Rule]:
        """Return all rules; raise AloopError if they cannot be read."""
        ...

    def add(self, rules: Sequence[Rule]) -> None:
        """Add rules; raise AloopError if they cannot be stored."""
        ...


@dataclass(slots=True)
class RuleSet:
    """The user's rules that apply in the project at ``root``, a real path.

    ``former`` are paths from which it was moved; rules for them still count.
    """

    source: RuleSource
    root: Path
    unsaved: list[Rule] = field(default_factory=list)
    former: list[Path] = field(default_factory=list)

    def follow(self, root: Path) -> None:
        """Apply the rules to ``root``, to which the project was moved."""
        if root != self.root:
            self.former.append(self.root)
            self.root = root

    def decide(self, request: PermissionRequest) -> Decision | None:
        """Return the decision of the rules, None if none applies; raises AloopError."""
        rules = [rule for rule in self._all() if _is_about(rule, request)]
        if not rules:
            return None
        if verb_of(request) == "run":
            return self._decide_command(rules, request.detail)
        for verdict in ("deny", "ask", "allow"):
            for rule in rules:
                if rule.verdict == verdict and request.paths and rule.covers_path(request.paths, self.root):
                    return Decision(rule.verdict, str(rule))
        return None

    def hidden(self, start: Path) -> Callable[[Path], bool]:
        """Return a function that is true for files to leave out below a folder.

        A rule that asks about the folder itself hides nothing in it: the user was asked. Raises AloopError.
        """

        def counts(rule: Rule) -> bool:
            return rule.verdict == "deny" or (rule.verdict == "ask" and not rule.covers_path((start,), self.root))

        rules = [rule for rule in self._all() if rule.verb == "read" and counts(rule)]
        return lambda path: any(rule.covers_path((path,), self.root) for rule in rules)

    def offer(self, request: PermissionRequest) -> tuple[Rule, ...]:
        """Return narrow rules that would allow ``request``; raises AloopError."""
        decision = self.decide(request)
        if decision is not None and decision.verdict != "allow":
            return ()
        if verb_of(request) == "run":
            offered = self._command_offers(request)
        elif request.kinds == ("write",) and request.paths:
            offered = self._write_offers(request.paths[0])
        else:
            offered = []
        is_short = sum(len(str(rule)) for rule in offered) <= _LONGEST_OFFER
        return tuple(offered) if is_short and len(offered) <= _MOST_OFFERED else ()

    def remember(self, rules: Sequence[Rule]) -> None:
        """Store rules; they count in this run even if that raises AloopError."""
        self.unsaved += rules
        self.source.add(rules)
        self.unsaved.clear()

    def _all(self) -> list[Rule]:
        projects = (None, self.root, *self.former)
        return [rule for rule in (*self.source.read(), *self.unsaved) if rule.project in projects]

    def _decide_command(self, rules: Sequence[Rule], text: str) -> Decision | None:
        commands = split_command(text)
        for verdict in ("deny", "ask"):
            for rule in rules:
                if rule.verdict == verdict and _restricts(rule, commands, text):
                    return Decision(rule.verdict, str(rule))
        if commands is None:
            return None
        reasons: dict[str, None] = {}
        for command in commands:
            found = _find_allowing(rules, command, is_alone=len(commands) == 1)
            if found is None:
                return None
            reasons[str(found)] = None
        return Decision("allow", ", ".join(reasons))

    def _command_offers(self, request: PermissionRequest) -> list[Rule]:
        commands = split_command(request.detail)
        if commands is None:
            return []
        is_alone = len(commands) == 1
        rules = [rule for rule in self._all() if _is_about(rule, request)]
        verb: Verb = "unsandboxed" if request.is_unsandboxed else "run"
        offered: dict[Rule, None] = {}
        for command in commands:
            if _find_allowing(rules, command, is_alone=is_alone):
                continue
            rule = _narrow_rule(command, verb, self.root, is_alone=is_alone)
            if rule is None:
                return []
            offered[rule] = None
        return list(offered)

    def _write_offers(self, path: Path) -> list[Rule]:
        if not path.is_relative_to(self.root) or is_guarded(path):
            return []
        folder = path.parent.relative_to(self.root)
        pattern = f"{folder.as_posix()}/**" if folder.parts else path.name
        rule = Rule("allow", "write", pattern, self.root)
        # A name such as "[id].tsx" is not a pattern for itself.
        return [rule] if pattern.isprintable() and rule.covers_path((path,), self.root) else []


def verb_of(request: PermissionRequest) -> Verb:
    """Return the usual verb of the rules about a request."""
    return "run" if "shell" in request.kinds else "write" if "write" in request.kinds else "read"


def _is_about(rule: Rule, request: PermissionRequest) -> bool:
    """Return True if a rule counts for requests of this kind.

    A command that may run outside the sandbox may also run in it. One that may not run in it may not run outside.
    """
    verb = verb_of(request)
    if verb != "run":
        return rule.verb == verb
    if rule.verdict == "allow":
        return rule.verb == "unsandboxed" or (rule.verb == "run" and not request.is_unsandboxed)
    return rule.verb == "run" or (rule.verb == "unsandboxed" and request.is_unsandboxed)


def _restricts(rule: Rule, commands: Sequence[Command] | None, text: str) -> bool:
    """Return True if a rule covers a part of the line, or other syntax has its words."""
    if commands is None or any(is_runner(command[0].text) for command in commands):
        return rule.is_mentioned(text)
    return any(rule.may_cover_command(command) for command in commands)


def _find_allowing(rules: Sequence[Rule], command: Command, *, is_alone: bool) -> Rule | None:
    return next(
        (rule for rule in rules if rule.verdict == "allow" and rule.allows_command(command, is_alone=is_alone)), None
    )


def _narrow_rule(command: Command, verb: Verb, root: Path, *, is_alone: bool) -> Rule | None:
    """Return a rule for the beginning of a simple command, or for exactly this one."""
    texts = [word.text for word in command]
    for count in {usual_prefix_length(texts): None, 0: None}:
        words = texts[:count] if count else texts
        if any(word.expands for word in command[: len(words)]) or not all(map(_is_plain, words)):
            continue
        rule = Rule("allow", verb, " ".join(words) + (" *" if count else ""), root)
        if rule.allows_command(command, is_alone=is_alone):
            return rule
    return None


def _is_plain(word: str) -> bool:
    """Return True for a word that needs no quotes."""
    return split_command(f"x {word}") is not None and len(word.split()) == 1 and not {"'", '"', "#"} & set(word)
