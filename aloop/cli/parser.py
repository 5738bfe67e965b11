"""How aloop reads arguments: a parser that raises its complaints, and the kinds of value that options take.

The command line: arguments in, frozen options out; nothing else happens here.

Parsing goes in two steps. The options of the program itself are taken first, wherever they stand, so that
``--sessions-dir`` works before and after ``sessions list``; what is left must be one of COMMANDS or nothing.

The arguments of ``aloop doctor`` and ``aloop completions``, and their helps.

What the command line says of itself: usage and examples.

The arguments of ``aloop sessions …``, and its helps.

The arguments of ``aloop local …``, and its helps.
"""

from __future__ import annotations

import shlex
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

from aloop import __version__
from aloop.cli.options import SHELLS, STDIN, CompletionsOptions, DoctorOptions, RunOptions
from aloop.config import EXPORT_FORMATS, MAX_STEPS, OUTPUT_FORMATS
from aloop.errors import InvalidPrefix, UsageError
from aloop.memory.sessions_dir.ids import normal_prefix
from aloop.permissions import KINDS, Kind


class Parser(ArgumentParser):
    """An argument parser that raises UsageError and takes no abbreviations."""

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

    @property
    def arguments(self) -> tuple[Action, ...]:
        """All that it takes, for whoever completes it."""
        return tuple(self._actions)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See: {self.prog} --help")


def non_empty(text: str) -> str:
    """Refuse an empty text: it is what an unset variable leaves in a script, and never what was meant."""
    if not text.strip():
        raise ArgumentTypeError("the text is empty")
    return text


def session_prefix(text: str) -> str:
    """Refuse what can not be a session's id, nor its beginning."""
    try:
        # Whether a folder is called so is found out when the sessions are looked at.
        return normal_prefix(non_empty(text), lambda name: " " in name)
    except InvalidPrefix as error:
        raise ArgumentTypeError(str(error).removesuffix(".")) from error


def folder(text: str) -> Path:
    """Take a folder, with a tilde that the shell left alone; refuses an empty text."""
    return Path(non_empty(text)).expanduser()


def count(text: str) -> int:
    """Take a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def closest_match(word: str, known: Iterable[str]) -> str | None:
    """Return what of ``known`` was probably meant by a mistyped word, None when nothing is near."""
    # Imported here for start-up time: most words are right.
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def require_no_conversation_options(own: Namespace, command: str) -> None:
    """Raise for an option of a conversation beside a ``command`` that is none."""
    for name in ("resume", "task", "model", "allow", "system", "max_steps", "output_format", "plain"):
        if getattr(own, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for a conversation and does not go with {command!r}. See: aloop --help")


def print_and_leave(text: str) -> NoReturn:
    """Print a help, or the version, and end the program well."""
    print(text.rstrip(), flush=True)
    raise SystemExit(0)


_DOCTOR_END = """\
and, as everywhere:
  --sessions-dir DIR  where sessions live
  -h, --help          print this help and leave

Nothing is changed, and no key is printed. The exit code is 1 when something
must be mended, which its line begins with: ok, warn, or fail."""

_COMPLETIONS_END = """\
Options, commands and the beginnings of session ids are then completed. Add one
of these lines to the start-up file of your shell:

  bash  eval "$(aloop completions bash)"        ~/.bashrc
  zsh   eval "$(aloop completions zsh)"         ~/.zshrc, below compinit
  fish  aloop completions fish | source         ~/.config/fish/config.fish"""


def doctor_parser() -> Parser:
    parser = Parser(
        "aloop doctor",
        epilog=_DOCTOR_END,
        description="See whether all is there that aloop needs, and what to do about what is not.",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="print each thing as one line of JSON")
    return parser


def completions_parser() -> Parser:
    parser = Parser(
        "aloop completions",
        epilog=_COMPLETIONS_END,
        description="Print what makes a shell complete the arguments of aloop.",
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    return parser


def parse_doctor(own: Namespace, rest: list[str]) -> DoctorOptions:
    """Read ``doctor …``; ``own`` holds the program's options, help and the folder among them."""
    require_no_conversation_options(own, "doctor")
    parser = doctor_parser()
    if own.help:
        print_and_leave(parser.format_help())
    return DoctorOptions(sessions_dir=own.sessions_dir, **vars(parser.parse_args(rest[1:])))


def parse_completions(own: Namespace, rest: list[str]) -> CompletionsOptions:
    """Read ``completions SHELL``; ``own`` holds the program's options."""
    require_no_conversation_options(own, "completions")
    parser = completions_parser()
    if own.help:
        print_and_leave(parser.format_help())
    if own.sessions_dir is not None:
        raise UsageError("--sessions-dir does not go with 'completions': each Tab looks where you are then.")
    return CompletionsOptions(**vars(parser.parse_args(rest[1:])))


USAGE = """\
aloop [--resume [ID]] [--task TEXT] [--model MODEL]
       aloop sessions list | trash | search WORDS | show ID | stats ID
       aloop sessions check [ID] | export ID FORMAT | delete ID
       aloop sessions restore ID | purge [ID]
       aloop local install | status | remove
       aloop doctor [--json] | completions bash|zsh|fish
       aloop --version | --help"""

EPILOG = """\
examples:
  aloop                                  open the prompt
  aloop --resume                         go on with the latest session
  aloop --resume a1b2 --task "And now?"  one more turn in a session, no prompt
  git diff | aloop --task "Review this"  piped text is added to the task
  aloop --allow write,shell --task "Make the tests pass"
  aloop --task - < question.txt          the file is the task
  aloop --output-format json --task "Count the lines" | jq .answer
  aloop sessions list --limit 5          see also: aloop sessions --help

Tools that write, run commands or leave the working directory ask first, and
with --task, where nobody can be asked, are refused unless --allow names them.

With --task only the answer goes to standard output. A file that its TEXT
names as @path goes along; piped text names none. A pipe that has sent nothing
after 5 seconds is left alone, and that is said; with "--task -" aloop waits
for as long as it takes. Where standard input is no business of aloop's,
as in a loop that reads a file, add < /dev/null.

With --output-format json standard output is one JSON object, the result; with
stream-json each step is one, a line each, and the result comes last. Progress
for a person goes to standard error in all three.

Without credentials (ANTHROPIC_API_KEY, for one) the local model answers, where
"aloop local install" has fetched it, else the offline demo, which is no model.
Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage, 130
interrupted (Ctrl-C), 143 or 129 told to end (SIGTERM, SIGHUP)."""


SessionsAction = Literal["list", "search", "show", "stats", "export", "check", "delete", "trash", "restore", "purge"]
ACTIONS: tuple[SessionsAction, ...] = get_args(SessionsAction)

_SESSIONS_HELP = """\
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

_SESSIONS_EVERYWHERE = """\
and, as everywhere:
  --sessions-dir DIR  where sessions live
  -h, --help          print this help and leave"""

_SESSIONS_SUMMARIES: dict[SessionsAction, str] = {
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

_WHICH: dict[SessionsAction, str] = {
    "check": "the session's id, or a unique beginning of it (default: all sessions)",
    "restore": "the id of a session in the trash, or a unique beginning of it",
    "purge": "the id of a session in the trash, or its beginning (default: the whole trash)",
}


@dataclass(frozen=True, slots=True)
class SessionsOptions:
    """Look after saved sessions; ``id`` is empty where none was given: for ``list`` and ``trash`` always.

    ``form`` and ``path`` are for ``export``; an empty path is standard output.
    """

    action: SessionsAction
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
    require_no_conversation_options(own, "sessions")
    if own.help and not rest[1:]:
        print_and_leave(_SESSIONS_HELP)
    parser = action_parser(_sessions_action(rest[1:2]))
    if own.help:
        print_and_leave(parser.format_help())
    asked = {name: value for name, value in vars(parser.parse_args(rest[2:])).items() if value is not None}
    asked["words"] = tuple(asked.get("words", ()))
    return SessionsOptions(sessions_dir=own.sessions_dir, **asked)


def action_parser(action: SessionsAction) -> Parser:
    """Build the parser of one action. What all of aloop takes is in its help, but was parsed before."""
    parser = Parser(f"aloop sessions {action}", epilog=_SESSIONS_EVERYWHERE, description=_SESSIONS_SUMMARIES[action])
    parser.set_defaults(action=action)
    add = parser.add_argument
    if action in ("show", "stats", "export", "delete", "restore"):
        add(
            "id",
            type=session_prefix,
            metavar="ID",
            help=_WHICH.get(action, "the session ID or a unique prefix"),
        )
    if action in ("check", "purge"):
        add("id", type=session_prefix, nargs="?", metavar="ID", help=_WHICH[action])
    if action == "search":
        add("words", type=non_empty, nargs="+", metavar="WORDS", help="what to look for; quote a phrase")
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


def _sessions_action(words: Sequence[str]) -> SessionsAction:
    for action in ACTIONS:
        if words == [action]:
            return action
    if not words:
        choice = f"{', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}"
        raise UsageError(f"'aloop sessions' is not all: {choice}? See: aloop sessions --help")
    guess = closest_match(words[0], ACTIONS)
    hint = f"Did you mean: aloop sessions {guess}" if guess else "See: aloop sessions --help"
    raise UsageError(f"There is no command 'sessions {words[0]}'. {hint}")


LocalAction = Literal["install", "status", "remove"]
LOCAL_ACTIONS: tuple[LocalAction, ...] = get_args(LocalAction)

_LOCAL_HELP = """\
usage: aloop local install [--yes]
       aloop local status [--json]
       aloop local remove [--yes]

Look after the model on this machine: a small one that needs no key and no
network once it is there. It lives in ~/.local/share/aloop, or where
ALOOP_DATA_DIR says, and never in your Python environment.

Without a key it answers by itself, else with --model local; --model
local:/path/to/any.gguf, or ALOOP_LOCAL_MODEL, runs another that you have."""

_LOCAL_SUMMARIES: dict[LocalAction, str] = {
    "install": "Fetch the small model and the program that runs it, after a question.",
    "status": "Tell whether it is there, where, and how large; exit code 1 when it is not.",
    "remove": "Take it away again, after a question.",
}
_LOCAL_EVERYWHERE = """\
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
    require_no_conversation_options(own, "local")
    if own.sessions_dir is not None:
        raise UsageError("--sessions-dir does not go with 'local'. See: aloop local --help")
    if own.help and not rest[1:]:
        print_and_leave(_LOCAL_HELP)
    action = _local_action(rest[1:2])
    parser = local_parser(action)
    if own.help:
        print_and_leave(parser.format_help())
    return LocalOptions(**vars(parser.parse_args(rest[2:])))


def local_parser(action: LocalAction) -> Parser:
    """Build the parser of one action."""
    parser = Parser(f"aloop local {action}", epilog=_LOCAL_EVERYWHERE, description=_LOCAL_SUMMARIES[action])
    parser.set_defaults(action=action)
    if action == "status":
        parser.add_argument("--json", dest="as_json", action="store_true", help="print it as one line of JSON")
    else:
        parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _local_action(words: Sequence[str]) -> LocalAction:
    for action in LOCAL_ACTIONS:
        if words == [action]:
            return action
    if not words:
        raise UsageError("'aloop local' is not all: install, status or remove? See: aloop local --help")
    guess = closest_match(words[0], LOCAL_ACTIONS)
    hint = f"Did you mean: aloop local {guess}" if guess else "See: aloop local --help"
    raise UsageError(f"There is no command 'local {words[0]}'. {hint}")


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
        type=session_prefix,
        metavar="ID",
        help="go on with a session, by its id or a unique beginning of it; the latest one without ID",
    )
    add("--task", type=non_empty, metavar="TEXT", help='do one task and leave; "-" takes it from standard input')
    add("--model", type=non_empty, metavar="MODEL", help='the model that answers; "local" and "offline" need no key')
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
    add("--system", type=non_empty, metavar="TEXT", help="what the model is told first, in place of the standard text")
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
        guess = closest_match(first.partition("=")[0], options)
        raise UsageError(f"There is no option {first}. " + (f"Did you mean {guess}?" if guess else "See: aloop --help"))
    commands = {name: f"aloop --{name}" for name in ("help", "resume", "version")} | {"history": "aloop sessions list"}
    commands |= {name: shlex.join(["aloop", name, *others]) for name in COMMANDS}
    commands |= {action: shlex.join(["aloop", "sessions", action, *others]) for action in ACTIONS}
    commands |= {action: f"aloop local {action}" for action in LOCAL_ACTIONS}
    guess = closest_match(first, commands)
    hint = f"Did you mean: {commands[guess]}" if guess else f"A task is given so: aloop --task {shlex.quote(first)}"
    raise UsageError(f"There is no command {first!r}. {hint}")
