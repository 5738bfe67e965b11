"""The command line: arguments in, frozen options out; nothing else happens here.

Parsing goes in two steps. The options of the program itself are taken first, wherever they stand, so that
``--sessions-dir`` works before and after ``sessions list``; what is left must be one of COMMANDS or nothing.
"""

from __future__ import annotations

import shlex
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from aloop import __version__
from aloop.arguments import Parser, count, filled, folder, identity, nearest, print_and_leave
from aloop.cli_commands import parse_completions, parse_doctor
from aloop.cli_options import STDIN, CompletionsOptions, DoctorOptions, RunOptions
from aloop.cli_text import EPILOG, USAGE
from aloop.config import MAX_STEPS, OUTPUT_FORMATS
from aloop.consent import KINDS, Kind
from aloop.errors import UsageError
from aloop.local_arguments import LOCAL_ACTIONS, LocalOptions, parse_local
from aloop.sessions_arguments import ACTIONS, SessionsOptions, parse_sessions

_LATEST = object()  # --resume without an id; "" can not stand for it, for a script's empty variable arrives as that


Options = RunOptions | SessionsOptions | DoctorOptions | CompletionsOptions | LocalOptions

COMMANDS: dict[str, Callable[[Namespace, list[str]], Options]] = {
    "sessions": parse_sessions,
    "doctor": parse_doctor,
    "completions": parse_completions,
    "local": parse_local,
}


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Return what ``arguments`` ask for.

    Raises UsageError with one line for whatever makes no sense, and SystemExit(0) once help or the version is printed.
    """
    parser = program_parser()
    options = [f"--{name.replace('_', '-')}" for name in vars(parser.parse_args([]))]
    if any(argument.startswith("--") and argument.partition("=")[2] == "--" for argument in arguments):
        # argparse takes a lone `--` out of the values, before Python 3.13, and leaves an empty list in their place.
        raise UsageError("An option can not have the value --. See: aloop --help")
    own, rest = parser.parse_known_args(_join_task(arguments, options))
    if own.version:
        print_and_leave(f"aloop {__version__}")
    for command, parse in COMMANDS.items():
        if command in (own.resume, *rest[:1]):
            return parse(own, rest)
    if own.help:
        print_and_leave(parser.format_help())
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
        own.plain or False,
    )


def program_help() -> str:
    """Return what ``aloop --help`` prints."""
    return program_parser().format_help()


def program_parser() -> Parser:
    """Return the parser of the program's own options, which also tells help and completion what they are."""
    parser = Parser("aloop", USAGE, EPILOG, "Talk with an LLM agent whose memory is YAML that you own.")
    add = parser.add_argument
    add(
        "--resume",
        nargs="?",
        const=_LATEST,
        type=identity,
        metavar="ID",
        help="go on with a session, by its id or a unique beginning of it; the latest one without ID",
    )
    add("--task", type=filled, metavar="TEXT", help='do one task and leave; "-" takes it from standard input')
    add("--model", type=filled, metavar="MODEL", help='the model that answers; "local" and "offline" need no key')
    add(
        "--sessions-dir",
        type=folder,
        metavar="DIR",
        help="where sessions live (else ALOOP_SESSIONS_DIR, else the nearest .aloop/sessions, from here upwards)",
    )
    add(
        "--allow",
        type=_kinds,
        metavar="KINDS",
        help=f"what tools may do without a question, parted by commas: {', '.join(KINDS)}",
    )
    add("--system", type=filled, metavar="TEXT", help="what the model is told first, in place of the standard text")
    add("--max-steps", type=count, metavar="N", help=f"answers that one turn may take (default: {MAX_STEPS})")
    add("--output-format", choices=OUTPUT_FORMATS, help="of --task: what goes to standard output (default: text)")
    add(
        "--plain",
        action="store_const",
        const=True,
        help="a prompt that only prints: no colours, nothing drawn over, good for a screen reader",
    )
    add("--version", action="store_true", help="print the version and leave")
    add("-h", "--help", action="store_true", help="print this help and leave")
    return parser


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


def _kinds(text: str) -> tuple[Kind, ...]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in KINDS]:
        raise ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in names)


def _refuse(words: Sequence[str], options: Iterable[str]) -> NoReturn:
    """Raise for ``words`` that ask for nothing known, with the nearest thing that is."""
    first, *others = words
    if first.startswith("-"):
        guess = nearest(first.partition("=")[0], options)
        raise UsageError(f"There is no option {first}. " + (f"Did you mean {guess}?" if guess else "See: aloop --help"))
    commands = {name: f"aloop --{name}" for name in ("help", "resume", "version")} | {"history": "aloop sessions list"}
    commands |= {name: shlex.join(["aloop", name, *others]) for name in COMMANDS}
    commands |= {action: shlex.join(["aloop", "sessions", action, *others]) for action in ACTIONS}
    commands |= {action: f"aloop local {action}" for action in LOCAL_ACTIONS}
    guess = nearest(first, commands)
    hint = f"Did you mean: {commands[guess]}" if guess else f"A task is given so: aloop --task {shlex.quote(first)}"
    raise UsageError(f"There is no command {first!r}. {hint}")
