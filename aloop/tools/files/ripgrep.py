"""Selecting the files that search_files reads with ripgrep.

ripgrep only leaves files out; the search process reads the others itself, with its own checks, so that results never
depend on what is installed. A file is left out only if it surely has no match. The pattern for ripgrep therefore
matches at least whatever the given one does: a place for any character beyond ASCII has room for all bytes of such
characters, because the two disagree about letters, blanks and invalid text there.
"""

from __future__ import annotations

import re

NAME = "rg"
_OPTIONS = (
    *("--no-config", "--no-ignore", "--hidden", "--text", "--encoding=none", "--color=never"),
    *("--files-with-matches", "--null", "--regexp"),
)
_ESCAPE = r"\\[wWdDsStrfv]|\\[ -/:-@\[-`{-~]"
_CLASS_ITEM = rf"[A-Za-z0-9]-[A-Za-z0-9]|{_ESCAPE}|[A-Za-z0-9 !\"#$%'(+*),./:;<=>?@_`{{|}}]"
_TOKEN = re.compile(
    rf"""
    (?P<same>
        \(\?: | \(\?P<[A-Za-z_]\w*> | \((?!\?) | [)|] | \$(?=[|)]|\Z)
      | (?:[*+?]|{{\d{{1,3}}(?:,\d{{0,3}})?}})\??(?![*+?{{])
    )
  | (?P<start>(?:(?<=[|(:])|(?<!.))\^)
  | (?P<border>\\[bB](?![*+?{{]))
  | (?P<any>\.)
  | \[(?P<class>\^?-?(?:{_CLASS_ITEM})+-?)\]
  | (?P<escape>{_ESCAPE})
  | (?P<literal>[\t -~])
    """,
    re.VERBOSE | re.ASCII,
)
_IGNORES_CASE = "(?i)"
_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~")
_NOT_LITERAL = frozenset("\\[({*+?^$")
_FOLDED = frozenset("iks")  # without regard to case, they equal letters beyond ASCII


def selection_command(program: str, pattern: str, *, ignore_case: bool) -> list[str] | None:
    """Return a command that prints those of the paths after it which may have a match.

    It is None for a pattern that may mean something else to ripgrep.
    """
    ignore_case = ignore_case or pattern.startswith(_IGNORES_CASE)
    widened = widen(pattern.removeprefix(_IGNORES_CASE), ignore_case=ignore_case)
    return None if widened is None else [program, *_OPTIONS, f"{'(?i-u)' if ignore_case else '(?-u)'}{widened}", "--"]


def widen(pattern: str, *, ignore_case: bool) -> str | None:
    """Return a pattern of bytes for at least the lines that ``pattern`` matches.

    ``pattern`` is a valid one of Python. Return None if its meaning is uncertain.
    """
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        part = _widened(found, ignore_case=ignore_case) if found else None
        if found is None or part is None:
            return None
        parts.append(part)
        at = found.end()
    return "".join(parts)


def _widened(token: re.Match[str], *, ignore_case: bool) -> str | None:
    match token.lastgroup, token[token.lastgroup or 0]:
        case "start", _:
            return r"^(?:\xef\xbb\xbf)?"  # a byte order mark
        case "border", _:
            return "(?:)"
        case "any", _:
            return _or_other_text(".")
        case "class", inside:
            if inside.startswith("^") and r"\S" in inside:
                return None
            return _or_other_text(f"[{re.sub(_ESCAPE, lambda escape: _escaped(escape[0]), inside)}]")
        case "escape", escape:
            return _or_other_text(f"[{_escaped(escape)}]") if escape[1].isalpha() else _quoted(escape[1])
        case "literal", character:
            if character in _NOT_LITERAL:
                return None
            is_wide = ignore_case and character.lower() in _FOLDED
            return _or_other_text(character) if is_wide else _quoted(character)
        case _, text:
            return text


def _or_other_text(ascii_text: str) -> str:
    return rf"(?:{ascii_text}|[\x80-\xff]+)"


def _escaped(escape: str) -> str:
    if escape == r"\s":
        return r"\s\x1c-\x1f"  # these are blanks in Python only
    return escape if escape[1].isalpha() else _quoted(escape[1])


def _quoted(character: str) -> str:
    # Not every escape that Python accepts is one of ripgrep: \< is the start of a word there.
    return f"\\{character}" if character in _SPECIAL else character
