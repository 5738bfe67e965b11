"""``aloop completions SHELL``: scripts that hold no list of anything; they ask aloop for the words at each Tab.

What can be typed next on the command line: the words that a shell offers when Tab is pressed.

Each Tab is a run of aloop, so that nothing slow is imported: what is offered comes from the one definition of the
parsers, and sessions from the names of their folders.

The sessions that a shell offers when Tab is pressed, by the names of their folders: no session is opened.
"""

from __future__ import annotations

import os
import re
from argparse import Action
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aloop.cli.console import print_line
from aloop.cli.options import CompletionsOptions, ShellName
from aloop.cli.parser import (
    ACTIONS,
    COMMANDS,
    LOCAL_ACTIONS,
    Parser,
    action_parser,
    completions_parser,
    doctor_parser,
    local_parser,
    program_parser,
)
from aloop.config import DEFAULT_MODEL, OFFLINE_MODEL
from aloop.errors import SHORT_ID, StorageError
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.sessions_dir.index import read_index
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.permissions import KINDS

# In all three, the words are those behind the command up to the cursor, and an answer is a word, a tab and what it is.
# The program asked is the one that is being typed: it may be in no folder of PATH.

_BASH = r"""
_aloop() {
    local IFS=$'\n' line lines typed=("${COMP_WORDS[@]:1:COMP_CWORD}")
    # Words come as they were typed. The marks of quoting go; what a shell would run in them is never run.
    lines=$("${1/#\~/$HOME}" completions --words "${typed[@]//[\\\"\']/}" 2>/dev/null </dev/null)
    COMPREPLY=()
    for line in $lines; do
        COMPREPLY+=("${line%%$'\t'*}")
    done
    if [[ $COMPREPLY == */ ]]; then
        COMPREPLY=("${COMPREPLY[@]%/}")
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _aloop aloop
"""

_ZSH = r"""
_aloop() {
    local -a lines words_found folders
    local line
    lines=("${(@f)$(${words[1]/#\~/$HOME} completions --words "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    for line in $lines; do
        if [[ ${line%%$'\t'*} == */ ]]; then
            folders+=("${line%%$'\t'*}")
        else
            words_found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        fi
    done
    (( $#folders )) && compadd -S '' -- $folders
    (( $#words_found )) && _describe -V aloop words_found
}
compdef _aloop aloop
"""

_FISH = r"""
function __aloop_words
    set --local words (commandline --tokenize --cut-at-cursor --current-process)
    set --local program (string replace --regex '^~' $HOME -- $words[1])
    set --erase words[1]
    set --append words (string unescape -- (commandline --current-token --cut-at-cursor))
    $program completions --words $words 2>/dev/null </dev/null
end
complete --command aloop --no-files --keep-order --arguments '(__aloop_words)'
"""

_SCRIPTS: dict[ShellName, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def print_script(options: CompletionsOptions) -> int:
    """Print the script and return the exit code."""
    for line in _SCRIPTS[options.shell].strip().splitlines():
        print_line(line)
    return 0


_MOST = 100
_OURS = re.compile(r"(\d{4}-\d\d-\d\d)_([0-9a-f]{8})")
_TRASH = ".trash"


def session_words(sessions_dir: Path | None, beginning: str, *, in_trash: bool) -> Iterator[tuple[str, str]]:
    """Yield the first eight characters of ids and the day they are of, the newest first, at most a hundred.

    A folder with a name of its own is known by the index alone. Nothing is offered where nothing can be read.
    """
    try:
        folder = resolve_sessions_dir(sessions_dir)
        ids = {} if in_trash else read_index(SYSTEM, folder) or {}
        names = sorted(SYSTEM.folders(folder / _TRASH if in_trash else folder), reverse=True)
    except (StorageError, OSError):
        return
    offered: set[str] = set()
    for name in names:
        match = _OURS.match(name)
        day, short = match.groups() if match else ("", ids.get(name, "")[:SHORT_ID])
        if short and short.startswith(beginning[:SHORT_ID].lower()) and short not in offered:
            offered.add(short)
            yield short, day
        if len(offered) == _MOST:
            return


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
