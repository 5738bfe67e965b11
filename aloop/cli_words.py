"""What can be typed next on the command line: the words that a shell offers when Tab is pressed.

Each Tab is a run of aloop, so that nothing slow is imported: what is offered comes from the one definition of the
parsers, and sessions from the names of their folders.
"""

from __future__ import annotations

import os
from argparse import Action
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aloop.arguments import Parser
from aloop.cli import COMMANDS, program_parser
from aloop.cli_commands import completions_parser, doctor_parser
from aloop.cli_session_words import session_words
from aloop.config import DEFAULT_MODEL, OFFLINE_MODEL
from aloop.consent import KINDS
from aloop.local_arguments import LOCAL_ACTIONS, local_parser
from aloop.sessions_arguments import ACTIONS, action_parser
from aloop.sessions_output import print_line

Word = tuple[str, str]
"""A word, and what it is; the latter may be empty."""

# Commands that have nothing to do with any sessions folder.
_ANYWHERE = {"completions", "local"}


def print_words(typed: Sequence[str]) -> int:
    """Print the words that may stand in place of the last of ``typed``, a line each, and what they are behind a tab."""
    for word, about in words(typed):
        print_line(f"{word}\t{about}")
    return 0


def words(typed: Sequence[str]) -> list[Word]:
    """Return the words that may stand in place of the last of ``typed``, which begins them; none are sorted out."""
    *before, current = typed or [""]
    line = _Line(before)
    return [
        (word, about) for word, about in line.candidates(current) if word.startswith(current) and word.isprintable()
    ]


class _Line:
    """The words before the one that is being typed: which command they name, and which option waits for its value."""

    def __init__(self, before: Iterable[str]) -> None:
        self._own = program_parser()
        self._command: list[str] = []
        self._parser = self._own
        self._waiting: Action | None = None
        self._places = 0
        self._sessions_dir: Path | None = None
        for word in before:
            self._read(word)

    def _read(self, word: str) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting and not (waiting.nargs == "?" and word.startswith("-")):
            if waiting.dest == "sessions_dir":
                self._sessions_dir = Path(word).expanduser()
        elif word.startswith("-"):
            action = next((action for action in self._actions() if word in action.option_strings), None)
            # An option without a value has nargs=0.
            self._waiting = action if action and action.nargs != 0 else None
        elif not self._command and word in COMMANDS:
            self._command = [word]
            self._parser = {"doctor": doctor_parser, "completions": completions_parser}.get(word, program_parser)()
        elif len(self._command) == 1 and word in (actions := _actions_of(self._command[0])):
            self._command.append(word)
            self._parser = actions[word]
        else:
            self._places += 1

    def candidates(self, current: str) -> Iterator[Word]:
        if self._waiting:
            yield from self._values(self._waiting, current)
            if self._waiting.nargs != "?":
                return
        if current.startswith("-"):
            yield from _options(self._actions())
        elif not self._waiting:
            yield from self._positions(current)

    def _actions(self) -> list[Action]:
        """Return what the command that was typed takes, options that all take included."""
        if not self._command:
            return list(self._own.arguments)
        options = {"--help"} if self._command[0] in _ANYWHERE else {"--sessions-dir", "--help"}
        everywhere = [action for action in self._own.arguments if options.intersection(action.option_strings)]
        own = [] if self._parser.prog == "aloop" else list(self._parser.arguments)
        return [*own, *everywhere]

    def _positions(self, current: str) -> Iterator[Word]:
        if not self._command and not self._places:
            yield from ((name, "") for name in COMMANDS)
        elif len(self._command) == 1 and (actions := _actions_of(self._command[0])):
            yield from ((name, parser.description or "") for name, parser in actions.items())
        elif self._command:
            positions = [action for action in self._parser.arguments if not action.option_strings]
            for action in positions[self._places : self._places + 1]:
                yield from self._values(action, current)

    def _values(self, action: Action, current: str) -> Iterator[Word]:
        """Yield what may be the value of ``action``; what it is, its choices or its name in the help tell."""
        if action.choices is not None:
            yield from ((str(choice), "") for choice in action.choices)
        elif action.metavar == "ID":
            in_trash = self._command[1:] in (["restore"], ["purge"])
            yield from session_words(self._sessions_dir, current, in_trash=in_trash)
        elif action.metavar == "MODEL":
            yield from ((model, "") for model in (DEFAULT_MODEL, OFFLINE_MODEL))
        elif action.metavar == "KINDS":
            named, comma, _ = current.rpartition(",")
            yield from ((f"{named}{comma}{kind}", "") for kind in KINDS if kind not in named.split(","))
        elif action.metavar == "DIR":
            yield from _folders(current)


def _actions_of(command: str) -> dict[str, Parser]:
    """Return the parsers of what a command of two words can do; none for others."""
    if command == "sessions":
        return {action: action_parser(action) for action in ACTIONS}
    if command == "local":
        return {action: local_parser(action) for action in LOCAL_ACTIONS}
    return {}


def _options(actions: Iterable[Action]) -> Iterator[Word]:
    for action in actions:
        for name in action.option_strings:
            if name.startswith("--"):
                yield name, action.help or ""


def _folders(current: str) -> Iterator[Word]:
    """Yield the folders whose path begins with ``current``, written as that is."""
    parent, slash, beginning = current.rpartition("/")
    try:
        with os.scandir(Path(parent + slash or ".").expanduser()) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:  # there is nothing to offer
        return
    for name in found:
        if not name.startswith(".") or beginning.startswith("."):
            yield f"{parent}{slash}{name}/", ""
