"""The command line: arguments in, frozen options out; nothing else happens here.

Parsing goes in two steps. The options of the program itself are taken first, wherever they stand, so that
``--sessions-dir`` works before and after ``sessions list``; what is left must be a ``sessions`` command or nothing.
"""

from __future__ import annotations

import difflib
import shlex
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

from aloop import __version__
from aloop.cli_text import EPILOG, EVERYWHERE, SESSIONS_HELP, USAGE
from aloop.config import MAX_STEPS, OUTPUT_FORMATS, OutputFormat
from aloop.consent import KINDS, Kind
from aloop.errors import UsageError

Action = Literal["list", "show", "stats", "delete"]
ACTIONS: tuple[Action, ...] = get_args(Action)
STDIN = "-"
"""What ``--task`` is given to take the whole of standard input as the task."""

_LATEST = object()  # --resume without an id; "" can not stand for it, for a script's empty variable arrives as that

_SUMMARIES: dict[Action, str] = {
    "list": "List the newest sessions, one a line: id, last change, messages, title.",
    "show": "Show what a session is, and with --messages all that was said in it.",
    "stats": "Count the messages, tool calls and tokens of a session.",
    "delete": "Delete a session, after a question; it goes to .trash in the sessions folder.",
}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Converse: at a prompt, or for one ``task`` (STDIN: it comes from standard input).

    ``resume`` is None for a new session, empty for the latest, else an id or its beginning. ``allow`` is what tools may
    do without a question. ``system`` takes the place of the standard system message.
    """

    model: str | None = None
    sessions_dir: Path | None = None
    resume: str | None = None
    task: str | None = None
    allow: tuple[Kind, ...] = ()
    system: str | None = None
    max_steps: int = MAX_STEPS
    output_format: OutputFormat = "text"


@dataclass(frozen=True, slots=True)
class SessionsOptions:
    """Look after saved sessions; ``id`` is empty for ``list`` only."""

    action: Action
    sessions_dir: Path | None = None
    id: str = ""
    limit: int = 20
    messages: bool = False
    yes: bool = False
    as_json: bool = False


def parse_arguments(arguments: Sequence[str]) -> RunOptions | SessionsOptions:
    """Return what ``arguments`` ask for.

    Raises UsageError with one line for whatever makes no sense, and SystemExit(0) once help or the version is printed.
    """
    parser = _program_parser()
    options = [f"--{name.replace('_', '-')}" for name in vars(parser.parse_args([]))]
    if any(argument.startswith("--") and argument.partition("=")[2] == "--" for argument in arguments):
        # argparse takes a lone `--` out of the values, before Python 3.13, and leaves an empty list in their place.
        raise UsageError("An option can not have the value --. See: aloop --help")
    own, rest = parser.parse_known_args(_join_task(arguments, options))
    if own.version:
        _print_and_leave(f"aloop {__version__}")
    if "sessions" in (own.resume, *rest[:1]):
        return _parse_sessions(own, rest)
    if own.help:
        _print_and_leave(parser.format_help())
    if rest:
        _refuse(rest, options)
    if own.output_format and own.task is None:
        raise UsageError("--output-format is for --task: at the prompt, a person reads. See: aloop --help")
    return RunOptions(
        own.model,
        own.sessions_dir,
        "" if own.resume is _LATEST else own.resume,
        own.task,
        own.allow or (),
        own.system,
        own.max_steps or MAX_STEPS,
        own.output_format or "text",
    )


def program_help() -> str:
    """Return what ``aloop --help`` prints."""
    return _program_parser().format_help()


class _Parser(ArgumentParser):
    """An argument parser that raises its complaints and takes no abbreviations."""

    def __init__(self, prog: str, usage: str | None = None, epilog: str | None = None, description: str = "") -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            epilog=epilog,
            description=description,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See: {self.prog} --help")


def _program_parser() -> _Parser:
    parser = _Parser("aloop", USAGE, EPILOG, "Talk with an LLM agent whose memory is YAML that you own.")
    add = parser.add_argument
    add(
        "--resume",
        nargs="?",
        const=_LATEST,
        type=_filled,
        metavar="ID",
        help="go on with a session, by its id or a unique beginning of it; the latest one without ID",
    )
    add("--task", type=_filled, metavar="TEXT", help='do one task and leave; "-" takes it from standard input')
    add("--model", type=_filled, metavar="MODEL", help='the model that answers; "offline" needs no key and no network')
    add(
        "--sessions-dir",
        type=_folder,
        metavar="DIR",
        help="where sessions live (else ALOOP_SESSIONS_DIR, else the nearest .aloop/sessions, from here upwards)",
    )
    add(
        "--allow",
        type=_kinds,
        metavar="KINDS",
        help=f"what tools may do without a question, parted by commas: {', '.join(KINDS)}",
    )
    add("--system", type=_filled, metavar="TEXT", help="what the model is told first, in place of the standard text")
    add("--max-steps", type=_count, metavar="N", help=f"answers that one turn may take (default: {MAX_STEPS})")
    add("--output-format", choices=OUTPUT_FORMATS, help="of --task: what goes to standard output (default: text)")
    add("--version", action="store_true", help="print the version and leave")
    add("-h", "--help", action="store_true", help="print this help and leave")
    return parser


def _action_parser(action: Action) -> _Parser:
    """Build the parser of one ``sessions`` action. What all of aloop takes is in its help, but was parsed before."""
    parser = _Parser(f"aloop sessions {action}", epilog=EVERYWHERE, description=_SUMMARIES[action])
    parser.set_defaults(action=action)
    add = parser.add_argument
    if action == "list":
        add("--limit", type=_count, default=20, metavar="N", help="how many, the newest first (default: 20)")
    else:
        add("id", type=_filled, metavar="ID", help="the session's id, or a unique beginning of it")
    if action == "show":
        add("--messages", action="store_true", help="print the messages as well")
    if action == "delete":
        add("--yes", action="store_true", help="do not ask")
    add("--json", dest="as_json", action="store_true", help="print each record as one line of JSON")
    return parser


def _parse_sessions(own: Namespace, rest: list[str]) -> SessionsOptions:
    """Read ``sessions ACTION …``; ``own`` holds the program's options, help and the folder among them."""
    for name in ("resume", "task", "model", "allow", "system", "max_steps", "output_format"):
        if getattr(own, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for a conversation and does not go with 'sessions'. See: aloop --help")
    if own.help and not rest[1:]:
        _print_and_leave(SESSIONS_HELP)
    parser = _action_parser(_action(rest[1:2]))
    if own.help:
        _print_and_leave(parser.format_help())
    asked = vars(parser.parse_args(rest[2:]))
    return SessionsOptions(sessions_dir=own.sessions_dir, **asked)


def _action(words: Sequence[str]) -> Action:
    for action in ACTIONS:
        if words == [action]:
            return action
    if not words:
        raise UsageError("'aloop sessions' is not all: list, show, stats or delete? See: aloop sessions --help")
    guess = _nearest(words[0], ACTIONS)
    hint = f"Did you mean: aloop sessions {guess}" if guess else "See: aloop sessions --help"
    raise UsageError(f"There is no command 'sessions {words[0]}'. {hint}")


def _join_task(arguments: Sequence[str], options: Iterable[str]) -> list[str]:
    """Return ``arguments`` with ``--task -x`` written ``--task=-x``, which argparse would take for an option.

    What is an option of ours stays one: ``--task --resume`` is a text forgotten far more often than one meant.
    """
    joined: list[str] = []
    for argument in arguments:
        dashed = argument.startswith("-") and argument not in (STDIN, "--")
        if dashed and joined[-1:] == ["--task"] and argument.partition("=")[0] not in (*options, "-h"):
            joined[-1] = f"--task={argument}"
        else:
            joined.append(argument)
    return joined


def _filled(text: str) -> str:
    """Refuse an empty text: it is what an unset variable leaves in a script, and never what was meant."""
    if not text.strip():
        raise ArgumentTypeError("the text is empty")
    return text


def _folder(text: str) -> Path:
    return Path(_filled(text)).expanduser()


def _kinds(text: str) -> tuple[Kind, ...]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in KINDS]:
        raise ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in names)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _print_and_leave(text: str) -> NoReturn:
    print(text.rstrip(), flush=True)
    raise SystemExit(0)


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def _refuse(words: Sequence[str], options: Iterable[str]) -> NoReturn:
    """Raise for ``words`` that ask for nothing known, with the nearest thing that is."""
    first, *others = words
    if first.startswith("-"):
        guess = _nearest(first.partition("=")[0], options)
        raise UsageError(f"There is no option {first}. " + (f"Did you mean {guess}?" if guess else "See: aloop --help"))
    commands = {name: f"aloop --{name}" for name in ("help", "resume", "version")} | {"history": "aloop sessions list"}
    commands |= {"sessions": shlex.join(["aloop", "sessions", *others])}
    commands |= {action: shlex.join(["aloop", "sessions", action, *others]) for action in ACTIONS}
    guess = _nearest(first, commands)
    hint = f"Did you mean: {commands[guess]}" if guess else f"A task is given so: aloop --task {shlex.quote(first)}"
    raise UsageError(f"There is no command {first!r}. {hint}")
