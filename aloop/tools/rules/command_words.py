"""Splits a command line into simple commands and their words, as a shell would.

Only a small part of the shell's language is understood: plain and quoted words, and the operators that join commands.
Text with anything else is not split, so no rule can allow it. That part means the same in bash and in other POSIX
shells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_COMMAND = 10_000

_BLANKS = " \t"
_QUOTES = "'\""
_JOINING = ("&&", "||", ";", "|")
_END_OF_WORD = frozenset(_BLANKS) | frozenset("&|;")
# Expansions, redirections, groups, escapes and braces.
_UNKNOWN = frozenset("$`\\<>(){}")
_UNKNOWN_IN_DOUBLE_QUOTES = frozenset("$`\\")
_GLOB = frozenset("*?[")
# They only drop output, or join the two streams. Each is a whole word.
_HARMLESS_REDIRECTIONS = frozenset({"2>&1", "2>/dev/null", ">/dev/null"})
_RESERVED = frozenset(
    {"!", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in"}
) | {"select", "then", "time", "until", "while"}


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes; the shell turns one that ``expands`` into others."""

    text: str
    expands: bool = False


Command = tuple[Word, ...]
"""The words of a simple command, at least one."""


def split_command(text: str) -> tuple[Command, ...] | None:
    """Return the simple commands in ``text``, or None if it has unknown syntax."""
    if len(text) > LONGEST_COMMAND or not all(each.isprintable() or each == "\t" for each in text):
        return None
    if any(each.isspace() and each not in _BLANKS for each in text):
        return None  # shells disagree about other blanks
    try:
        tokens = list(_tokens(text))
    except _UnknownSyntax:
        return None
    commands: list[Command] = []
    words: list[Word] = []
    for token in (*tokens, None):
        if isinstance(token, Word):
            words.append(token)
            continue
        if not words or not _is_plain_program(words[0]):
            return None  # an empty command, even after the last operator
        commands.append(tuple(words))
        words = []
    return tuple(commands)


class _UnknownSyntax(Exception):
    """The text has syntax that is not understood."""


def _tokens(text: str) -> Iterator[Word | str]:
    """Yield words, and operators as text."""
    at = 0
    while at < len(text):
        if text[at] in _BLANKS:
            at += 1
        elif operator := next((each for each in _JOINING if text.startswith(each, at)), None):
            yield operator
            at += len(operator)
        elif text[at] in "&#":
            raise _UnknownSyntax  # a background command or a comment
        elif redirection := _harmless_redirection(text, at):
            at += len(redirection)
        else:
            word, at = _word(text, at)
            yield word


def _harmless_redirection(text: str, at: int) -> str:
    for each in _HARMLESS_REDIRECTIONS:
        end = at + len(each)
        if text.startswith(each, at) and (end == len(text) or text[end] in _BLANKS + "|;"):
            return each
    return ""


def _word(text: str, at: int) -> tuple[Word, int]:
    """Return the word that begins at ``at``, and where it ends."""
    parts: list[str] = []
    expands = text[at] == "~"
    while at < len(text) and text[at] not in _END_OF_WORD:
        if text[at] in _QUOTES:
            quote = text[at]
            end = text.find(quote, at + 1)
            inside = text[at + 1 : end]
            if end < 0 or (quote == '"' and not _UNKNOWN_IN_DOUBLE_QUOTES.isdisjoint(inside)):
                raise _UnknownSyntax
            parts.append(inside)
            at = end + 1
        elif text[at] in _UNKNOWN:
            raise _UnknownSyntax
        else:
            # A tilde also expands after an assignment and a colon.
            expands = expands or text[at] in _GLOB or (text[at] == "~" and text[at - 1] in "=:")
            parts.append(text[at])
            at += 1
    return Word("".join(parts), expands), at


def _is_plain_program(word: Word) -> bool:
    """Return False for an assignment, a keyword, a job, and a name that expands."""
    text = word.text
    return bool(text) and not word.expands and "=" not in text and text[0] != "%" and text not in _RESERVED
