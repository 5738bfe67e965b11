"""The arguments of ``aloop local …``, and its helps."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from aloop.arguments import Parser, nearest, print_and_leave, refuse_conversation
from aloop.errors import UsageError

LocalAction = Literal["install", "status", "remove"]
LOCAL_ACTIONS: tuple[LocalAction, ...] = get_args(LocalAction)

_HELP = """\
usage: aloop local install [--yes]
       aloop local status [--json]
       aloop local remove [--yes]

Look after the model on this machine: a small one that needs no key and no
network once it is there. It lives in ~/.local/share/aloop, or where
ALOOP_DATA_DIR says, and never in your Python environment.

Without a key it answers by itself, else with --model local; --model
local:/path/to/any.gguf, or ALOOP_LOCAL_MODEL, runs another that you have."""

_SUMMARIES: dict[LocalAction, str] = {
    "install": "Fetch the small model and the program that runs it, after a question.",
    "status": "Tell whether it is there, where, and how large; exit code 1 when it is not.",
    "remove": "Take it away again, after a question.",
}
_EVERYWHERE = """\
and, as everywhere:
  -h, --help  print this help and leave"""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Look after the model on this machine."""

    action: LocalAction
    yes: bool = False
    as_json: bool = False


def parse_local(own: Namespace, rest: Sequence[str]) -> LocalOptions:
    """Read ``local ACTION …``; ``own`` holds the program's options, of which none but the help goes with it."""
    refuse_conversation(own, "local")
    if own.sessions_dir is not None:
        raise UsageError("--sessions-dir does not go with 'local'. See: aloop local --help")
    if own.help and not rest[1:]:
        print_and_leave(_HELP)
    action = _action(rest[1:2])
    parser = local_parser(action)
    if own.help:
        print_and_leave(parser.format_help())
    return LocalOptions(**vars(parser.parse_args(rest[2:])))


def local_parser(action: LocalAction) -> Parser:
    """Build the parser of one action."""
    parser = Parser(f"aloop local {action}", epilog=_EVERYWHERE, description=_SUMMARIES[action])
    parser.set_defaults(action=action)
    if action == "status":
        parser.add_argument("--json", dest="as_json", action="store_true", help="print it as one line of JSON")
    else:
        parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _action(words: Sequence[str]) -> LocalAction:
    for action in LOCAL_ACTIONS:
        if words == [action]:
            return action
    if not words:
        raise UsageError("'aloop local' is not all: install, status or remove? See: aloop local --help")
    guess = nearest(words[0], LOCAL_ACTIONS)
    hint = f"Did you mean: aloop local {guess}" if guess else "See: aloop local --help"
    raise UsageError(f"There is no command 'local {words[0]}'. {hint}")
