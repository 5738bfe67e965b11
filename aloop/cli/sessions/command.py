"""The arguments of ``aloop sessions``.

Apart from its functions in ``actions``, which import the YAML parser: a shell asks for these at each Tab.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.cli.arguments import CommandOptions, Parser, non_empty, positive_integer, session_prefix
from aloop.export.formats import DOCUMENTS

SessionsAction = Literal[
    "list", "search", "show", "stats", "export", "check", "delete", "trash", "restore", "purge", "git-setup"
]

ACTIONS: dict[SessionsAction, str] = {
    "list": "List sessions, newest first",
    "search": "Find messages or sessions that contain all of the words",
    "show": "Show a session, and with --messages its conversation",
    "stats": "Count the messages, tool calls, tokens and cost of a session",
    "export": "Same as `aloop export ID --to FORMAT -o PATH`, for documents",
    "check": "Report problems in sessions; exit with 1 if any remain",
    "delete": "Move a session to the trash, after confirmation",
    "trash": "List deleted sessions, most recently deleted first",
    "restore": "Restore a deleted session",
    "purge": "Permanently delete sessions in the trash, after confirmation",
    "git-setup": "Set up git to commit sessions and merge them with aloop",
}

_EPILOG = """\
ID is a session ID or a unique prefix of one; delete and purge need at least
four characters. The trash is the folder .trash in the sessions folder.

Run `aloop sessions COMMAND --help` for the options of a command."""

_GIT_SETUP = """\
Writes .gitattributes and .gitignore in the sessions folder, stops
.aloop/.gitignore from hiding the sessions, and sets merge.aloop.name and
merge.aloop.driver in the configuration of this clone. Each change is printed;
a second run changes nothing. Nothing is added or committed.

Sessions contain everything that you and the tools wrote, secrets included."""

_TRASH_ID = "ID or unique prefix of a session in the trash"
_ID_HELP: dict[SessionsAction, str] = {
    "check": "session ID or unique prefix (default: all sessions)",
    "restore": _TRASH_ID,
    "purge": f"{_TRASH_ID} (default: all)",
}


@dataclass(frozen=True, slots=True)
class SessionsOptions(CommandOptions):
    """The options of ``aloop sessions``; an ``action`` uses only some of them.

    ``id`` is empty if none was given. ``all_projects`` is for ``list`` and ``search``, ``tag`` for ``list``. ``form``
    and ``path`` are for ``export``; an empty path is standard output.
    """

    action: SessionsAction
    sessions_dir: Path | None = None
    id: str = ""
    words: tuple[str, ...] = ()
    limit: int = 20
    messages: bool = False
    all_projects: bool = False
    tag: str = ""
    fix: bool = False
    yes: bool = False
    as_json: bool = False
    form: str = ""
    path: str = ""

    def run(self) -> int:
        # Imported here for startup time: completion needs the arguments only.
        from aloop.cli.sessions.actions import run_sessions

        return run_sessions(self)


_SEARCH = """\
Matches are the messages that contain all of the words. Of a session without
one, its title is the match if it contains all of them; if title and messages
do so only together, the match is the message with most of them. Notes, tags,
comments and keys of your own are searched, too."""


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop sessions``."""
    parser.set_defaults(options=SessionsOptions)
    parser.usage = "aloop sessions COMMAND ..."
    parser.description = "Manage saved sessions"
    parser.epilog = _EPILOG
    actions = parser.add_commands("action", {str(name): summary for name, summary in ACTIONS.items()})
    for name in ACTIONS:
        _add_action_arguments(name, actions[name])
    for each in (*actions.values(), parser):
        each.add_sessions_dir()
        each.add_help_option()


def _add_action_arguments(action: SessionsAction, parser: Parser) -> None:
    add = parser.add_argument
    if action == "git-setup":
        parser.epilog = _GIT_SETUP
        return
    if action in ("show", "stats", "export", "delete", "restore"):
        add("id", type=session_prefix, metavar="ID", help=_ID_HELP.get(action, "session ID or unique prefix"))
    if action in ("check", "purge"):
        add("id", type=session_prefix, nargs="?", metavar="ID", help=_ID_HELP[action])
    if action == "search":
        parser.epilog = _SEARCH
        add("words", type=non_empty, nargs="+", metavar="WORDS", help="words to find; quote a phrase")
        add("--limit", type=positive_integer, default=50, metavar="N", help="maximum number of matches (default: 50)")
    if action in ("list", "search"):
        add("--all", dest="all_projects", action="store_true", help="include the sessions of all your projects")
    if action == "export":
        add("form", choices=DOCUMENTS, metavar="FORMAT", help=", ".join(DOCUMENTS))
        add("path", nargs="?", metavar="PATH", help="the file to write (default: -, standard output)")
        return
    if action == "list":
        add("--limit", type=positive_integer, metavar="N", help="maximum number of sessions (default: 20)")
        add("--tag", type=non_empty, metavar="TAG", help="only sessions with this tag, or with a message that has it")
    if action == "show":
        add("--messages", action="store_true", help="print the messages too")
    if action == "check":
        add("--fix", action="store_true", help="make repairs that lose nothing, and keep a copy of changed files")
    if action in ("delete", "purge"):
        add("--yes", action="store_true", help="do not ask for confirmation")
    add("--json", dest="as_json", action="store_true", help="print one JSON object per line")
