"""The command line of aloop: its own options and the table of subcommands."""

from __future__ import annotations

import shlex
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

from aloop import __version__
from aloop.cli.arguments import (
    CommandOptions,
    Once,
    Parser,
    UnknownCommand,
    dollars,
    meant_command,
    non_empty,
    not_one_of,
    positive_integer,
    session_prefix,
)
from aloop.cli.options import STDIN, RunOptions
from aloop.config.values import EFFORTS, MAX_STEPS, OUTPUT_FORMATS
from aloop.errors import UsageError
from aloop.permissions import KINDS, Kind
from aloop.text import closest_match


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: its line in the help, and its module.

    The module is imported only if the subcommand is used. Its ``add_arguments(parser)`` sets the default ``options``
    to a subclass of CommandOptions.
    """

    summary: str
    module: str


_SESSIONS = "Manage sessions: list, search, show, stats, export, check, delete, trash, restore, purge, git-setup"

COMMANDS = {
    "sessions": Command(_SESSIONS, "aloop.cli.sessions.command"),
    "import": Command("Import conversations from other tools", "aloop.cli.exchange.importing"),
    "export": Command("Export sessions as documents, or into other tools", "aloop.cli.exchange.exporting"),
    "notes": Command("List the notes, tags and pins in all sessions", "aloop.cli.sessions.notes"),
    "doctor": Command("Check that aloop can run here", "aloop.cli.doctor"),
    "completions": Command("Print the completion script for bash, zsh or fish", "aloop.cli.completion"),
    "merge-driver": Command("Merge two versions of a session for git", "aloop.cli.git.merge_driver"),
    "lsp": Command("Run the language server for session files in editors", "aloop.lsp.command"),
    "key": Command("Show where the API key comes from, or store it in the keyring", "aloop.cli.key"),
    "permissions": Command("List, add and remove permission rules", "aloop.cli.permissions"),
    "local": Command("Install, inspect or remove the local model", "aloop.cli.local"),
}

Options = RunOptions | CommandOptions

_USAGE = """\
aloop [OPTIONS] ["QUESTION"]
       aloop [OPTIONS] --task TEXT
       aloop COMMAND ..."""

_EPILOG = """\
examples:
  aloop                                  open the prompt
  aloop "Where is the parser?"           open the prompt with a question
  aloop --resume                         resume the latest session
  aloop --resume a1b2 --task "And now?"  add one turn to a session
  git diff | aloop --task "Review this"  append piped text to the task
  aloop --task - < question.txt          read the task from a file
  aloop --allow write,shell --task "Make the tests pass"
  aloop --output-format json --task "Count the lines" | jq .answer
  aloop sessions list --limit 5

Tools ask before they change files, run commands or leave the working
directory. With --task there is no one to ask, so they are denied unless
--allow permits them.

With --task, standard output gets only the answer; progress goes to standard
error. --output-format json prints the result as one JSON object, stream-json
one object per step and the result last. A file mentioned as @path in TEXT is
attached; mentions in piped text are ignored. If nothing arrives from a pipe
within 5 seconds, the task runs without it; --task - waits until the end of
input. In a shell loop that reads a file, add < /dev/null.

Without credentials such as ANTHROPIC_API_KEY, the local model answers if it is
installed (aloop local install), otherwise a built-in offline demo.

Exit codes: 0 success, 1 failure, 2 wrong usage, 143 or 129 terminated (SIGTERM,
SIGHUP). Ctrl-C ends aloop by SIGINT, which a shell reports as 130; pressed
twice at the prompt, it exits with 0."""

_CLEAR = 0.75  # similarity of a misspelled word
_LATEST = object()  # the value of --resume without an ID; "" is what an unset variable in a script leaves


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Return the options that ``arguments`` ask for.

    Raises UsageError with a one-line message, or SystemExit(0) after printing help or the version.
    """
    parser = program_parser(arguments)
    if any(argument.startswith("--") and argument.partition("=")[2] == "--" for argument in arguments):
        # Before Python 3.13, argparse removes the `--` and leaves an empty list as the value.
        raise UsageError(f"An option cannot have the value '--'. {parser.see_help}")
    try:
        parsed, rest = parser.parse_known_args(_join_task(arguments, parser.option_names))
    except UnknownCommand as error:
        if error.parser is not parser:
            raise
        if _is_question(error.name) and (options := _with_question(error.name, arguments)):
            return options
        raise _explain_unknown(parser, error.name, arguments) from None
    values = vars(parsed)
    innermost: Parser = values.pop("parser")
    if rest:
        raise _explain_rest(parser, innermost, rest)
    if innermost.commands and innermost.needs_command and innermost is not parser:
        *names, last = innermost.commands
        raise UsageError(f"`{innermost.prog}` needs a command: {', '.join(names)} or {last}. {innermost.see_help}")
    make: type[Options] = values.pop("options", RunOptions)
    known = signature(make).parameters
    given = {name: _settled(value) for name, value in values.items() if value is not None}
    for action in parser.arguments:
        if action.dest in given.keys() - known.keys():
            raise _not_for(action.option_strings[0], innermost)
    if "output_format" in given and "task" not in given:
        raise UsageError(f"--output-format needs --task. {parser.see_help}")
    return make(**{name: value for name, value in given.items() if name in known})


def _is_question(text: str) -> bool:
    """Return True for text that cannot be a misspelled command, as “Why?” or 为什么."""
    is_sentence = text.endswith(("?", "!")) or not text.isascii()
    return len(text.split()) > 1 or (text[:1].isalpha() and is_sentence)


def _with_question(question: str, arguments: Sequence[str]) -> RunOptions | None:
    """Return the options with the ``question`` among ``arguments``.

    None means that they leave no room for it. Raises UsageError if the others are wrong.
    """
    others = list(arguments)
    others.remove(question)
    options = parse_arguments(others)
    if isinstance(options, RunOptions) and options.task is None and options.question is None:
        return options._replace(question=question)
    return None


def program_help() -> str:
    """Return the text of ``aloop --help``."""
    return program_parser().format_help()


def program_parser(arguments: Iterable[str] = ()) -> Parser:
    """Return the parser, with the arguments of subcommands that are in ``arguments``."""
    parser = Parser(
        "aloop",
        "Work with an LLM agent in a shell that saves each conversation as a YAML file.",
        usage=_USAGE,
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add(
        "--resume",
        "-r",
        action=Once,
        nargs="?",
        const=_LATEST,
        type=_session_to_resume,
        metavar="ID",
        help="resume a session by ID or ID prefix, or the latest one",
    )
    add("--continue", "-c", dest="resume", action=Once, nargs=0, const=_LATEST, help="resume the latest session")
    add(
        "--task",
        "-p",
        action=Once,
        type=non_empty,
        metavar="TEXT",
        help='run one task and exit; "-" reads it from standard input',
    )
    add(
        "--model",
        "-m",
        type=non_empty,
        metavar="MODEL",
        help='model to use: a name, an alias such as "opus", or ENDPOINT/MODEL; "local" and "offline" need no API key',
    )
    add("--effort", choices=EFFORTS, metavar="LEVEL", help=f"effort of the model: {', '.join(EFFORTS)}")
    parser.add_sessions_dir()
    add(
        "--allow",
        type=_kinds,
        metavar="KINDS",
        help=f"what tools may do without asking, comma-separated: {', '.join(KINDS)}",
    )
    add("--system", action=Once, type=non_empty, metavar="TEXT", help="replace the standard system message")
    add("--max-steps", type=positive_integer, metavar="N", help=f"maximum model calls per turn (default: {MAX_STEPS})")
    add(
        "--max-cost",
        type=dollars,
        metavar="DOLLARS",
        help="stop sending requests once this run has cost this much",
    )
    add(
        "--output-format",
        choices=OUTPUT_FORMATS,
        metavar="FORMAT",
        help=f"output of --task: {', '.join(OUTPUT_FORMATS)} (default: text)",
    )
    add(
        "--plain",
        action="store_const",
        const=True,
        help="print plain lines, without colors or redrawing, for screen readers",
    )
    add("--version", action="version", version=f"aloop {__version__}", help="print the version and exit")
    parser.add_help_option()
    wanted = set(arguments)
    for name, command in parser.add_commands("command", {name: COMMANDS[name].summary for name in COMMANDS}).items():
        if name in wanted:
            import_module(COMMANDS[name].module).add_arguments(command)
    return parser


def _settled(value: Any) -> Any:
    """Return a parsed value in the form in which the options keep it."""
    return "" if value is _LATEST else tuple(value) if isinstance(value, list) else value


def _session_to_resume(text: str) -> str:
    if text in COMMANDS:
        raise _not_for("--resume", text)
    return session_prefix(text)


def _kinds(text: str) -> tuple[Kind, ...]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in KINDS]:
        raise ArgumentTypeError(not_one_of(unknown[0], KINDS))
    return tuple(kind for kind in KINDS if kind in names)


def _join_task(arguments: Sequence[str], options: Iterable[str]) -> list[str]:
    """Return ``arguments`` with ``--task -x`` as ``--task=-x``.

    Otherwise argparse takes ``-x`` for an option. The program's own options are left alone: ``--task --resume`` is
    more likely a forgotten text than a task.
    """
    joined: list[str] = []
    for argument in arguments:
        dashed = argument.startswith("-") and argument not in (STDIN, "--")
        if dashed and joined[-1:] in (["--task"], ["-p"]) and argument.partition("=")[0] not in options:
            joined[-1] = f"--task={argument}"
        else:
            joined.append(argument)
    return joined


def _not_for(option: str, command: Parser | str) -> UsageError:
    name = command if isinstance(command, str) else command.prog.split()[1]
    return UsageError(f"{option} cannot be used with `{name}`. Run `aloop --help` for usage.")


def _unknown_option(argument: str, options: Iterable[str], parser: Parser) -> UsageError:
    name = argument.partition("=")[0]
    # The dashes, which all options share, would make short names similar.
    names = {option.lstrip("-"): option for option in options if option.startswith("--")}
    guess = closest_match(name.lstrip("-"), names)
    return UsageError(f"Unknown option {name!r}. " + (f"Did you mean '{names[guess]}'?" if guess else parser.see_help))


def _explain_rest(program: Parser, innermost: Parser, rest: Sequence[str]) -> UsageError:
    """Return the error for arguments that no parser took."""
    if innermost.rest_advice and not rest[0].startswith("-"):
        return UsageError(f"Unexpected argument {rest[0]!r}. {innermost.rest_advice}")
    argument = next((argument for argument in rest if argument.startswith("-")), rest[0])
    name = argument.partition("=")[0]
    if name in program.option_names:
        return _not_for(name, innermost)
    if name in innermost.option_names:
        return UsageError(f"{name} must come after `{innermost.prog}`.")
    if argument.startswith("-"):
        return _unknown_option(argument, innermost.option_names, innermost)
    return UsageError(f"Unexpected argument {argument!r}. {innermost.see_help}")


def _explain_unknown(program: Parser, name: str, arguments: Sequence[str]) -> UsageError:
    """Return the error for a ``name`` that is not a subcommand.

    If an unknown option precedes it, the error is about that: ``name`` is probably its value.
    """
    before, after = arguments[: arguments.index(name)], arguments[arguments.index(name) + 1 :]
    for argument in before:
        if argument.startswith("-") and argument.partition("=")[0] not in program.option_names:
            return _unknown_option(argument, program.option_names, program)
    meant: dict[str, list[str]] = {
        "help": [*(word for word in after[:2] if word in COMMANDS), "--help"],
        "version": ["--version"],
        "continue": ["--continue"],
        "resume": ["--resume", *after],
        "history": ["sessions", "list"],
        "login": ["key", "set"],
        "logout": ["key", "delete"],
    }
    meant |= {word: ["--task", *after] for word in ("ask", "chat", "exec", "run") if len(after) == 1}
    for command, parser in program_parser(COMMANDS).commands.items():
        meant[command] = [command, *after]
        for action in parser.commands:  # the first command with such an action, of which sessions come first
            meant.setdefault(action, [command, action, *after])
    meant["remove"] = meant["delete"]  # a session rather than a permission rule
    hints = [f"Unknown command {name!r}."]
    guess = meant_command(name, meant)
    if guess is not None:
        hints.append(f"Did you mean `{shlex.join(['aloop', *meant[guess]])}`?")
    is_far = guess is None or _is_far(name, guess)
    if after and (len(after) > 1 or is_far) and not any(word.startswith("-") for word in after):
        hints.append(f"To ask a question, put it in quotes: `aloop {shlex.quote(' '.join([name, *after]))}`.")
    elif guess is None or (not after and is_far):
        hints.append(f"To run a task, use `aloop --task {shlex.quote(name)}`.")
    return UsageError(" ".join(hints))


def _is_far(name: str, guess: str) -> bool:
    """Return True if ``name`` may be another word, as “hello” for “help”."""
    return guess == closest_match(name, [guess]) and closest_match(name, [guess], cutoff=_CLEAR) is None
