"""The arguments of ``aloop sessions …``, and its helps."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aloop.arguments import Parser, count, filled, identity, nearest, print_and_leave, refuse_conversation
from aloop.config import EXPORT_FORMATS
from aloop.errors import UsageError

Action = Literal["list", "search", "show", "stats", "export", "check", "delete", "trash", "restore", "purge"]
ACTIONS: tuple[Action, ...] = get_args(Action)

_HELP = """\
usage: aloop sessions list [--limit N] [--json]
       aloop sessions search WORDS [--limit N] [--json]
       aloop sessions show ID [--messages] [--json]
       aloop sessions stats ID [--json]
       aloop sessions export ID FORMAT [PATH]
       aloop sessions check [ID] [--fix] [--json]
       aloop sessions delete ID [--yes] [--json]
       aloop sessions trash [--json]
       aloop sessions restore ID [--json]
       aloop sessions purge [ID] [--yes] [--json]

Look after the saved sessions. ID is a session's id, or any beginning of it that
no other session shares; delete and purge want at least four characters. --json
prints each record as one line of JSON.

Each has its own --help, and takes --sessions-dir DIR."""

_EVERYWHERE = """\
and, as everywhere:
  --sessions-dir DIR  where sessions live
  -h, --help          print this help and leave"""

_SUMMARIES: dict[Action, str] = {
    "list": "List the newest sessions, one a line: id, last change, messages, title.",
    "search": "Find messages that hold all of the words, in all sessions, the newest first.",
    "show": "Show what a session is, and with --messages all that was said in it.",
    "stats": "Count the messages, tool calls and tokens of a session.",
    "export": "Print a session as a document, or write it to a file that is not there yet.",
    "check": "Tell what is odd about a session, or all; exit code 1 when any is left.",
    "delete": "Delete a session, after a question; it goes to .trash in the sessions folder.",
    "trash": "List the deleted sessions, one a line: id, when deleted, messages, title.",
    "restore": "Bring a deleted session back to its place.",
    "purge": "Remove a deleted session for good, or all of them, after a question.",
}

_WHICH: dict[Action, str] = {
    "check": "the session's id, or a unique beginning of it (default: all sessions)",
    "restore": "the id of a session in the trash, or a unique beginning of it",
    "purge": "the id of a session in the trash, or its beginning (default: the whole trash)",
}


@dataclass(frozen=True, slots=True)
class SessionsOptions:
    """Look after saved sessions; ``id`` is empty where none was given: for ``list`` and ``trash`` always.

    ``form`` and ``path`` are for ``export``; an empty path is standard output.
    """

    action: Action
    sessions_dir: Path | None = None
    id: str = ""
    words: tuple[str, ...] = ()
    limit: int = 20
    messages: bool = False
    fix: bool = False
    yes: bool = False
    as_json: bool = False
    form: str = ""
    path: str = ""


def parse_sessions(own: Namespace, rest: list[str]) -> SessionsOptions:
    """Read ``sessions ACTION …``; ``own`` holds the program's options, help and the folder among them."""
    refuse_conversation(own, "sessions")
    if own.help and not rest[1:]:
        print_and_leave(_HELP)
    parser = action_parser(_action(rest[1:2]))
    if own.help:
        print_and_leave(parser.format_help())
    asked = {name: value for name, value in vars(parser.parse_args(rest[2:])).items() if value is not None}
    asked["words"] = tuple(asked.get("words", ()))
    return SessionsOptions(sessions_dir=own.sessions_dir, **asked)


def action_parser(action: Action) -> Parser:
    """Build the parser of one action. What all of aloop takes is in its help, but was parsed before."""
    parser = Parser(f"aloop sessions {action}", epilog=_EVERYWHERE, description=_SUMMARIES[action])
    parser.set_defaults(action=action)
    add = parser.add_argument
    if action in ("show", "stats", "export", "delete", "restore"):
        add("id", type=identity, metavar="ID", help=_WHICH.get(action, "the session's id, or a unique beginning of it"))
    if action in ("check", "purge"):
        add("id", type=identity, nargs="?", metavar="ID", help=_WHICH[action])
    if action == "search":
        add("words", type=filled, nargs="+", metavar="WORDS", help="what to look for; quote a phrase")
        add("--limit", type=count, default=50, metavar="N", help="how many matches (default: 50)")
    if action == "export":
        add("form", choices=EXPORT_FORMATS, metavar="FORMAT", help=f"one of {', '.join(EXPORT_FORMATS)}")
        add("path", nargs="?", metavar="PATH", help="the file to write (default: -, standard output)")
        return parser
    if action == "list":
        add("--limit", type=count, default=20, metavar="N", help="how many, the newest first (default: 20)")
    if action == "show":
        add("--messages", action="store_true", help="print the messages as well")
    if action == "check":
        add("--fix", action="store_true", help="mend what loses nothing; a changed file is kept beside")
    if action in ("delete", "purge"):
        add("--yes", action="store_true", help="do not ask")
    add("--json", dest="as_json", action="store_true", help="print each record as one line of JSON")
    return parser


def _action(words: Sequence[str]) -> Action:
    for action in ACTIONS:
        if words == [action]:
            return action
    if not words:
        choice = f"{', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}"
        raise UsageError(f"'aloop sessions' is not all: {choice}? See: aloop sessions --help")
    guess = nearest(words[0], ACTIONS)
    hint = f"Did you mean: aloop sessions {guess}" if guess else "See: aloop sessions --help"
    raise UsageError(f"There is no command 'sessions {words[0]}'. {hint}")
