"""One permission rule: ``allow run git diff *`` or ``deny write secrets/**``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from aloop.config.user_folders import settings_folder, state_dir
from aloop.errors import UsageError
from aloop.formatting import home_folder
from aloop.project import GUARDED
from aloop.tools.rules.command_words import Command, Word, split_command
from aloop.tools.rules.options import is_covered
from aloop.tools.rules.programs import is_open_ended, is_runner

Verdict = Literal["allow", "ask", "deny"]
Verb = Literal["run", "unsandboxed", "write", "read"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
VERBS: tuple[Verb, ...] = get_args(Verb)
COMMAND_VERBS: frozenset[Verb] = frozenset({"run", "unsandboxed"})
"""Verbs of rules about commands; "unsandboxed" is about running them outside the sandbox."""


def is_guarded(path: Path, below: Path = Path("/")) -> bool:
    """Return True for a file that no rule allows to write, as in a ``GUARDED`` folder."""
    parts = path.relative_to(below).parts if path.is_relative_to(below) else path.parts
    return any(part.casefold() in GUARDED for part in parts) or is_of_user(path)


def is_of_user(path: Path) -> bool:
    """Return True for the real path of the user's settings, rules or trust."""
    parts = [part.casefold() for part in path.parts]
    for folder in (settings_folder(), state_dir() / "aloop"):
        own = [part.casefold() for part in Path(os.path.realpath(folder)).parts]
        if parts[: len(own)] == own:
            return True
    return False


_ANY = "*"
_MANY = "**"
_LOOSE_WORD = re.compile(r"[^\s;&|<>(){}$`'\"\\=]+")


@dataclass(frozen=True)
class Rule:
    """A rule; one with a ``project`` counts only there.

    The pattern of ``run`` and ``unsandboxed`` is the words of a command. With ``*`` at its end it covers all commands
    that begin with them. That of ``write`` and ``read`` is a path, relative to the root of the project unless it begins
    with ``/`` or ``~``.
    """

    verdict: Verdict
    verb: Verb
    pattern: str
    project: Path | None = None

    def __str__(self) -> str:
        return f"{self.verdict} {self.verb} {self.pattern}"

    @cached_property
    def is_prefix(self) -> bool:
        """True for a rule about commands that covers more than one."""
        return self.pattern.endswith(_ANY)

    @cached_property
    def words(self) -> Command:
        """The words of a rule about commands."""
        commands = split_command(self.pattern.removesuffix(_ANY) if self.is_prefix else self.pattern)
        return commands[0] if commands and len(commands) == 1 else ()

    def allows_command(self, command: Command, *, is_alone: bool) -> bool:
        """Return True if the rule surely covers a simple command.

        ``is_alone`` is False for a part of a longer line.
        """
        if not self._begins(command):
            return False
        program = command[0].text
        if not self.is_prefix:
            return len(command) == len(self.words) and (is_alone or not is_runner(program))
        # With the next word: an option before a subcommand may define one, and `git *` covers `git submodule foreach`.
        begun = _texts(command[: len(self.words) + 1])
        if is_open_ended(_texts(self.words)) or is_open_ended(begun):
            return False
        return all(_is_harmless(word, begun) for word in command[len(self.words) :])

    def may_cover_command(self, command: Command) -> bool:
        """Return True if a rule that restricts covers a simple command."""
        return self._begins(command) and (self.is_prefix or len(command) == len(self.words))

    def is_mentioned(self, text: str) -> bool:
        """Return True if a command line has the words of the rule anywhere in it."""
        wanted, found = _texts(self.words), _LOOSE_WORD.findall(text)
        return any(found[at : at + len(wanted)] == wanted for at in range(len(found)))

    def _begins(self, command: Command) -> bool:
        return bool(self.words) and command[: len(self.words)] == self.words

    def covers_path(self, paths: Sequence[Path], root: Path) -> bool:
        """Return True if the rule covers a file, given by its names.

        The first one is the real path. One that allows must match that; any name counts for one that restricts.
        """
        if self.verdict == "allow":
            return not (self.verb == "write" and is_guarded(paths[0])) and _matches(self._parts(root), paths[0].parts)
        # Some file systems ignore case.
        parts = tuple(part.casefold() for part in self._parts(root))
        return any(_matches(parts, tuple(part.casefold() for part in path.parts)) for path in paths)

    @property
    def is_void(self) -> bool:
        """True for a rule that allows nothing, because what it names is guarded."""
        parts = self._parts(self.project or Path("/"))
        folder = takewhile(lambda part: not re.search(r"[*?[]", part), parts)
        is_named = any(part.casefold() in GUARDED for part in PurePosixPath(self.pattern).parts)
        return self.verdict == "allow" and self.verb == "write" and (is_named or is_of_user(Path(*folder)))

    def _parts(self, root: Path) -> tuple[str, ...]:
        pattern = PurePosixPath(self.pattern)
        if self.pattern.startswith("~/"):
            return (*home_folder().resolve().parts, *pattern.parts[1:])
        # The root is not a pattern.
        return pattern.parts if pattern.is_absolute() else (*(_literal(part) for part in root.parts), *pattern.parts)


def parse_rule(text: str, project: Path | None = None) -> Rule:
    """Return the rule in ``text``; raise UsageError with the reason if it is invalid."""
    verdict, _, rest = text.strip().partition(" ")
    verb, _, pattern = rest.strip().partition(" ")
    pattern = pattern.strip()
    if verdict not in VERDICTS or verb not in VERBS or not pattern:
        raise UsageError(
            f"{text.strip()!r} is not a rule. Write allow, ask or deny, then run, unsandboxed, write or read, then a "
            "command or a path: `allow run git diff *`."
        )
    if not pattern.isprintable():
        raise UsageError("A rule cannot contain control characters or invisible characters.")
    rule = Rule(verdict, verb, pattern, project)
    if verb in COMMAND_VERBS:
        _check_command(rule)
    elif pattern.startswith("~") and not pattern.startswith("~/"):
        raise UsageError(
            f"The path in `{rule}` cannot begin with {pattern.partition('/')[0]!r}. Begin it with / or ~/."
        )
    elif ".." in PurePosixPath(pattern).parts:
        raise UsageError(f"The path in `{rule}` cannot contain '..'. Begin it with / or ~/ instead.")
    return rule


def _check_command(rule: Rule) -> None:
    if not rule.words or any(word.expands for word in rule.words):
        raise UsageError(
            f"The command in `{rule}` must be plain words, with * at most at its end. Operators, variables, "
            "redirections and other patterns are not possible."
        )
    if rule.verdict == "allow" and rule.is_prefix and is_open_ended(_texts(rule.words)):
        raise UsageError(
            f"`{rule}` would allow everything, because {rule.words[0].text} runs other programs. Leave out the *, to "
            "allow exactly one command."
        )


def _texts(words: Command) -> list[str]:
    return [word.text for word in words]


def _is_harmless(word: Word, begun: Sequence[str]) -> bool:
    """Return True for a word that cannot be an option which runs a program."""
    return is_covered(begun, word.text) and not (word.expands and word.text[:1] in "*?[-")


def _literal(part: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", part)


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Match the parts of a path; ``**`` matches any number of them."""
    reached = {0}
    for part in parts:
        reached = _skipping(pattern, reached)
        reached = {
            at if pattern[at] == _MANY else at + 1
            for at in reached
            if at < len(pattern) and (pattern[at] == _MANY or fnmatchcase(part, pattern[at]))
        }
    return len(pattern) in _skipping(pattern, reached)


def _skipping(pattern: tuple[str, ...], reached: set[int]) -> set[int]:
    """Return ``reached`` and the places after each ``**`` there."""
    found = set(reached)
    for at in sorted(reached):
        end = at
        while end < len(pattern) and pattern[end] == _MANY:
            end += 1
            found.add(end)
    return found
