"""How aloop reads arguments: a parser that raises its complaints, and the kinds of value that options take."""

from __future__ import annotations

from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from aloop.errors import InvalidPrefix, UsageError
from aloop.memory.prefix import normal_prefix


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


def filled(text: str) -> str:
    """Refuse an empty text: it is what an unset variable leaves in a script, and never what was meant."""
    if not text.strip():
        raise ArgumentTypeError("the text is empty")
    return text


def identity(text: str) -> str:
    """Refuse what can not be a session's id, nor its beginning."""
    try:
        # Whether a folder is called so is found out when the sessions are looked at.
        return normal_prefix(filled(text), lambda name: " " in name)
    except InvalidPrefix as error:
        raise ArgumentTypeError(str(error).removesuffix(".")) from error


def folder(text: str) -> Path:
    """Take a folder, with a tilde that the shell left alone; refuses an empty text."""
    return Path(filled(text)).expanduser()


def count(text: str) -> int:
    """Take a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return what of ``known`` was probably meant by a mistyped word, None when nothing is near."""
    # Imported here for start-up time: most words are right.
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def refuse_conversation(own: Namespace, command: str) -> None:
    """Raise for an option of a conversation beside a ``command`` that is none."""
    for name in ("resume", "task", "model", "allow", "system", "max_steps", "output_format", "plain"):
        if getattr(own, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for a conversation and does not go with {command!r}. See: aloop --help")


def print_and_leave(text: str) -> NoReturn:
    """Print a help, or the version, and end the program well."""
    print(text.rstrip(), flush=True)
    raise SystemExit(0)
