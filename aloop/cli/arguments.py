"""The argument parser that all subcommands share, and the types of their values."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from argparse import (
    PARSER,
    SUPPRESS,
    Action,
    ArgumentError,
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
    RawDescriptionHelpFormatter,
)
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import isfinite
from pathlib import Path
from textwrap import fill
from typing import Any, NoReturn

from aloop.errors import InvalidPrefix, UsageError
from aloop.formatting import expand_home
from aloop.memory.sessions_dir.ids import normal_prefix
from aloop.text import closest_match, meant_value


class CommandOptions(ABC):
    """The options of a subcommand: a dataclass with a field for each argument."""

    __slots__ = ()

    @abstractmethod
    def run(self) -> int:
        """Run the subcommand and return the exit code; raises AloopError."""


class UnknownCommand(UsageError):
    """``parser`` has no subcommand called ``name``."""

    def __init__(self, parser: Parser, name: str) -> None:
        guess = meant_command(name, parser.commands)
        hint = f"Did you mean `{parser.prog} {guess}`?" if guess else parser.see_help
        super().__init__(f"Unknown command {f'{parser.prog} {name}'!r}. {hint}")
        self.parser = parser
        self.name = name


# Commands of other programs, and those of aloop that do the same.
_SYNONYMS = {
    "add": ("set", "install"),
    "cat": ("show",),
    "cost": ("stats",),
    "create": ("add", "set"),
    "delete": ("remove",),
    "find": ("search",),
    "grep": ("search",),
    "info": ("show", "status"),
    "lint": ("check",),
    "ls": ("list",),
    "remove": ("delete",),
    "rm": ("delete", "remove"),
    "store": ("set",),
    "undelete": ("restore",),
    "uninstall": ("remove",),
    "usage": ("stats",),
    "validate": ("check",),
    "view": ("show",),
}


def meant_command(name: str, commands: Collection[str]) -> str | None:
    """Return the command that ``name`` probably means, None if there is none."""
    known = (command for command in (name, *_SYNONYMS.get(name, ())) if command in commands)
    return next(known, None) or closest_match(name, commands)


class HelpFormatter(RawDescriptionHelpFormatter):
    """Names the value of an option once, after all of its names, in every Python.

    argparse does so from Python 3.13 on.
    """

    def _format_action_invocation(self, action: Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(ArgumentParser):
    """An argument parser that raises UsageError and takes no abbreviations."""

    def __init__(
        self,
        prog: str,
        description: str = "",
        *,
        usage: str | None = None,
        epilog: str | None = None,
        color: bool = False,
    ) -> None:
        super().__init__(
            prog=prog,
            description=description,
            usage=usage,
            epilog=epilog,
            formatter_class=HelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        # From Python 3.14 on, argparse gives its own value of it to subcommands, and colors only a part of the help.
        self.color = color
        self._positionals.title = "arguments"
        self.commands: dict[str, Parser] = {}
        self.needs_command = True
        self.rest_advice = ""
        """A sentence about arguments after the last one that is taken."""
        # The innermost parser overwrites this, so that errors can refer to its help.
        self.set_defaults(parser=self)

    @property
    def arguments(self) -> list[Action]:
        """The options and positional arguments, without subcommands."""
        return [action for action in self._actions if action.nargs != PARSER]

    @property
    def option_names(self) -> list[str]:
        return [name for action in self.arguments for name in action.option_strings]

    @property
    def see_help(self) -> str:
        return f"Run `{self.prog} --help` for usage."

    def add_commands(self, dest: str, summaries: Mapping[str, str]) -> dict[str, Parser]:
        """Add subcommands, list them in the help and return their parsers by name."""
        actions = self.add_subparsers(dest=dest, prog=self.prog, help=SUPPRESS)
        for name, summary in summaries.items():
            self.commands[name] = actions.add_parser(name, description=summary)
        rows = (fill(f"  {name:<12}  {summary}", 79, subsequent_indent=" " * 16) for name, summary in summaries.items())
        self.description = "\n".join((f"{self.description}\n\ncommands:", *rows))
        return self.commands

    def add_sessions_dir(self) -> None:
        """Add ``--sessions-dir``, for the program and for subcommands that use sessions."""
        self.add_argument(
            "--sessions-dir",
            type=directory,
            metavar="DIR",
            # Without it, a subcommand would overwrite the value given before its name.
            default=SUPPRESS,
            help="the sessions folder (default: $ALOOP_SESSIONS_DIR, or the nearest .aloop/sessions here or above)",
        )

    def add_help_option(self) -> None:
        self.add_argument("-h", "--help", action="help", help="print this help and exit")

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        end = "" if message.endswith("?") else "."
        raise UsageError(f"{message[:1].upper()}{message[1:]}{end} {self.see_help}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        # A reader that has gone away is reported here, and not while the interpreter shuts down.
        sys.stdout.flush()
        super().exit(status, message)

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if action.nargs == PARSER:
            raise UnknownCommand(self, value)
        raise ArgumentError(action, not_one_of(value, tuple(action.choices)))


def not_one_of(value: str, choices: Collection[str]) -> str:
    """Return the words of an error about a value, with the one that is meant."""
    guess = meant_value(value, choices)
    hint = f". Did you mean {guess!r}?" if guess else ""
    return f"{value!r} is not one of {', '.join(choices)}{hint}"


class Once(Action):
    """Stores a value or a constant, and rejects a second one that would replace it."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, _option: str | None = None) -> None:
        if getattr(namespace, self.dest) is not None:
            assert isinstance(parser, Parser)  # noqa: S101 - parsers of this module make only parsers of their class
            names = [other.option_strings[0] for other in parser.arguments if other.dest == self.dest]
            raise UsageError(f"{' or '.join(names)} can be given only once. {parser.see_help}")
        setattr(namespace, self.dest, self.const if self.nargs == 0 else values)


def non_empty(text: str) -> str:
    """Reject an empty value, which a script passes if a variable is unset."""
    if not text.strip():
        raise ArgumentTypeError("the value is empty")
    return text


def session_prefix(text: str) -> str:
    """Accept a session ID or ID prefix; whether a session has it is not checked."""
    try:
        # Only a folder name can contain a space.
        return normal_prefix(non_empty(text), lambda name: " " in name)
    except InvalidPrefix as error:
        raise ArgumentTypeError(str(error).removesuffix(".")) from error


def directory(text: str) -> Path:
    """Accept a path; a tilde that the shell did not expand is the home directory."""
    return expand_home(non_empty(text))


def dollars(text: str) -> Decimal:
    """Accept a positive amount such as ``2`` or ``0.50``."""
    try:
        amount = Decimal(text)
    except ArithmeticError:
        amount = Decimal(0)
    if not (amount.is_finite() and amount > 0 and isfinite(amount)):  # the last one for 1e999
        raise ArgumentTypeError(f"{text!r} is not a positive amount, such as 2 or 0.50")
    return amount


def positive_integer(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)
