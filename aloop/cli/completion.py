"""``aloop completions``: shell scripts, and the candidates that they ask for.

Each Tab starts aloop, so nothing slow is imported: options come from the parsers, sessions from folder names. The
scripts contain no options, so that they need not be installed again when those change.
"""

from __future__ import annotations

import os
import re
from argparse import Action
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aloop.cli.arguments import CommandOptions, Parser
from aloop.cli.console import print_line
from aloop.cli.parser import program_parser
from aloop.config.settings import Settings
from aloop.errors import SHORT_ID, AloopError, StorageError
from aloop.formatting import expand_home
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.sessions_dir.header import HEADER, HEADER_SIZE, header_title
from aloop.memory.sessions_dir.index import read_index
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.permissions import KINDS
from aloop.regular_file import read_regular
from aloop.sanitize import safe_line
from aloop.width import fit

ShellName = Literal["bash", "zsh", "fish"]
SHELLS: tuple[ShellName, ...] = get_args(ShellName)

_EPILOG = """\
The script completes options, commands, models and session IDs. Add one of these
lines to the startup file of your shell:

  bash  eval "$(aloop completions bash)"        ~/.bashrc
  zsh   eval "$(aloop completions zsh)"         ~/.zshrc, below compinit
  fish  aloop completions fish | source         ~/.config/fish/config.fish"""

# Each script passes the words from the command to the cursor to the program being typed, which need not be on PATH.
# It gets back a line per candidate: the word, a tab and its description.

_BASH = r"""
_aloop() {
    local line lines word before= typed=()
    # Bash splits words at colons, which names of models have, and replaces only the part after the last one.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if (( ${#typed[@]} )) && [[ $word == :* || ${typed[${#typed[@]}-1]} == *: ]]; then
            typed[${#typed[@]}-1]+=$word
        else
            typed+=("$word")
        fi
    done
    word=${typed[${#typed[@]}-1]}
    [[ $COMP_WORDBREAKS == *:* ]] && before=${word%"${word##*:}"}
    # The words are as typed: quotes are removed, and nothing in them is evaluated.
    lines=$("${1/#\~/$HOME}" completions --words "${typed[@]//[\\\"\']/}" 2>/dev/null </dev/null)
    COMPREPLY=()
    while IFS= read -r line; do
        # Bash quotes the names of files, and adds the slash of a folder.
        [[ $line == */$'\t'* || $line == *$'\tfile' ]] && compopt -o filenames 2>/dev/null
        line=${line%%$'\t'*}
        line=${line%/}
        [[ $line ]] && COMPREPLY+=("${line#"$before"}")
    done <<< "$lines"
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


@dataclass(frozen=True, slots=True)
class CompletionsOptions(CommandOptions):
    """The options of ``aloop completions``."""

    shell: ShellName

    def run(self) -> int:
        for line in _SCRIPTS[self.shell].strip().splitlines():
            print_line(line)
        return 0


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop completions``."""
    parser.set_defaults(options=CompletionsOptions)
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.add_help_option()


_MAX_SESSIONS = 100
_SESSION_FOLDER = re.compile(r"(\d{4}-\d\d-\d\d)_([0-9a-f]{8})")
_TRASH = ".trash"

Word = tuple[str, str]
"""A candidate and its description, which may be empty."""


def print_words(typed: Sequence[str]) -> int:
    """Print a line per candidate for the last of ``typed``: word, tab, description."""
    for word, about in words(typed):
        print_line(f"{word}\t{about}")
    return 0


def words(typed: Sequence[str]) -> list[Word]:
    """Return the candidates for the last of ``typed``, which is a prefix of each."""
    *before, current = typed or [""]
    line = _Line(before)
    return [
        (word, about) for word, about in line.candidates(current) if word.startswith(current) and word.isprintable()
    ]


def session_words(sessions_dir: Path | None, prefix: str, *, in_trash: bool) -> Iterator[Word]:
    """Yield at most a hundred short session IDs with their dates and titles.

    The newest comes first. Only the index knows the ID of a renamed folder. If the folder cannot be read, there are
    none.
    """
    try:
        folder = resolve_sessions_dir(sessions_dir)
        ids = {} if in_trash else read_index(SYSTEM, folder) or {}
        folder = folder / _TRASH if in_trash else folder
        names = sorted(SYSTEM.folders(folder), reverse=True)
    except (StorageError, OSError):
        return
    offered: set[str] = set()
    for name in names:
        match = _SESSION_FOLDER.match(name)
        day, short = match.groups() if match else ("", ids.get(name, "")[:SHORT_ID])
        if short and short.startswith(prefix[:SHORT_ID].lower()) and short not in offered:
            offered.add(short)
            yield short, f"{day}  {_title(folder / name)}".strip()
        if len(offered) == _MAX_SESSIONS:
            return


def _title(folder: Path) -> str:
    """Return the title in the first lines of a session file, empty if there is none."""
    try:
        match = HEADER.match(read_regular(folder / _SESSION_FILE, HEADER_SIZE))
    except OSError:
        return ""
    return fit(safe_line(header_title(match)), _TITLE_COLUMNS) if match else ""


_TITLE_COLUMNS = 50


class _Line:
    """The command named before the cursor, and the option that still needs its value."""

    def __init__(self, before: Sequence[str]) -> None:
        self._parser = program_parser(before)
        self._option: Action | None = None
        self._positions = 0
        self._sessions_dir: Path | None = None
        for word in before:
            self._read(word)

    def _read(self, word: str) -> None:
        option, self._option = self._option, None
        if option and not (option.nargs == "?" and word.startswith("-")):
            if option.dest == "sessions_dir":
                self._sessions_dir = expand_home(word)
        elif word.startswith("-"):
            action = next((action for action in self._parser.arguments if word in action.option_strings), None)
            # A flag has nargs=0.
            self._option = action if action and action.nargs != 0 else None
        elif not self._positions and word in self._parser.commands:
            self._parser = self._parser.commands[word]
        else:
            self._positions += 1

    def candidates(self, current: str) -> Iterator[Word]:
        if self._option:
            yield from self._values(self._option, current)
            if self._option.nargs != "?":
                return
        if current.startswith("-"):
            yield from _options(self._parser.arguments)
        elif not self._option:
            if not self._positions:
                yield from ((name, _summary(parser)) for name, parser in self._parser.commands.items())
            positional = [action for action in self._parser.arguments if not action.option_strings]
            for action in positional[self._positions : self._positions + 1]:
                yield from self._values(action, current)

    def _values(self, action: Action, current: str) -> Iterator[Word]:
        """Yield the values of ``action``, by its choices or its name in the help."""
        if action.choices is not None:
            yield from ((str(choice), "") for choice in action.choices)
        elif action.metavar == "ID":
            in_trash = self._parser.prog.endswith((" restore", " purge"))
            yield from session_words(self._sessions_dir, current, in_trash=in_trash)
        elif action.metavar == "TAG":
            yield from ((tag, "") for tag in sorted(_tags(self._sessions_dir)))
        elif action.metavar == "MODEL":
            yield from ((model, "") for model in _models())
        elif action.metavar == "KINDS":
            named, comma, _ = current.rpartition(",")
            yield from ((f"{named}{comma}{kind}", "") for kind in KINDS if kind not in named.split(","))
        elif action.metavar == "DIR":
            yield from _paths(current, with_files=False)
        elif action.metavar == "PATH":
            yield from _paths(current)
        elif action.metavar == "WHAT":
            yield from ((tool, "") for tool in _tools())
            yield from _paths(current)


_TAGS = re.compile(r"^[ \t]*tags:[ \t]*(?:\[([^\]\n]*)\]|((?:\n[ \t]*- [^\n]*)+))", re.MULTILINE)
_SESSION_FILE = "session.yaml"  # aloop.memory.session takes too long to import
_MAX_SCANNED = 2_000_000


def _tags(sessions_dir: Path | None) -> set[str]:
    """Return the tags in the newest sessions, found without reading the files as YAML."""
    found: set[str] = set()
    try:
        folder = resolve_sessions_dir(sessions_dir)
        names = sorted(SYSTEM.folders(folder), reverse=True)[:_MAX_SESSIONS]
    except (StorageError, OSError):
        return found
    for name in names:
        with suppress(OSError):
            text = SYSTEM.read(folder / name / _SESSION_FILE, _MAX_SCANNED).decode(errors="replace")
            for flow, block in _TAGS.findall(text):
                words = flow.split(",") if flow else [line.strip().removeprefix("- ") for line in block.split("\n")]
                found |= {word.strip(" \t\"'") for word in words} - {""}
    return found


def _models() -> Iterable[str]:
    """Return the names that are known without asking a server, each once."""
    # Imported late for startup time: few completions need it.
    from aloop.llm.models.names import known_models, listed_models

    listed: tuple[str, ...] = ()
    with suppress(AloopError):  # the settings cannot be read; starting aloop reports why
        listed = listed_models(Settings.from_env().state_folder)
    return dict.fromkeys((*known_models(), *listed))


def _summary(parser: Parser) -> str:
    return (parser.description or "").partition("\n")[0]


def _options(actions: Iterable[Action]) -> Iterator[Word]:
    for action in actions:
        for name in action.option_strings:
            if name.startswith("--"):
                yield name, action.help or ""


def _tools() -> Iterable[str]:
    # Imported late for startup time: only the completion of an import needs it.
    from aloop.importers.formats import TOOLS

    return TOOLS


def _paths(current: str, *, with_files: bool = True) -> Iterator[Word]:
    """Yield the folders and files whose path starts with ``current``.

    They are written in the same way; the scripts know files by their description.
    """
    parent, slash, prefix = current.rpartition("/")
    try:
        with os.scandir(expand_home(parent + slash or ".")) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:  # no candidates
        return
    for name, is_folder in found:
        if (is_folder or with_files) and (not name.startswith(".") or prefix.startswith(".")):
            yield (f"{parent}{slash}{name}/", "") if is_folder else (f"{parent}{slash}{name}", "file")
