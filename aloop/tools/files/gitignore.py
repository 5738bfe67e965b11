"""The rules of ``.gitignore`` files: which names git leaves out.

Global rules and ``.git/info/exclude`` are not read. Matching cannot become slow: a ``*`` is matched without
backtracking into earlier ones, and the size of a file is limited.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from aloop.project import is_repository
from aloop.tools.files.folder_descriptor import opened_folder
from aloop.tools.files.text_file import OPEN_FLAGS

NAME = ".gitignore"
_MOST_BYTES = 100_000
_MOST_RULES = 1_000
_LONGEST_RULE = 1_000
_MOST_DOUBLE_STARS = 3

_Key = tuple[bool, bool, bool]
"""Of a rule: it includes names again, is for folders only, and matches the whole path instead of the name."""


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules of one file, the last ones first, for paths relative to its folder."""

    groups: tuple[tuple[_Key, re.Pattern[str]], ...]

    @classmethod
    def parse(cls, text: str) -> IgnoreRules:
        """Read the contents of a ``.gitignore`` file, without invalid rules."""
        rules = [rule for line in text.split("\n")[:_MOST_RULES] if (rule := _read_rule(line))]
        groups = [
            (key, re.compile("|".join(source for _, source in group), re.DOTALL))
            for key, group in groupby(rules, key=lambda rule: rule[0])
        ]
        return cls(tuple(reversed(groups)))

    def ignores(self, path: str, *, is_folder: bool) -> bool | None:
        """Return True to leave ``path`` out, False to include it, None without a rule."""
        name = path.rpartition("/")[2]
        for (includes, only_folders, whole), regex in self.groups:
            if (is_folder or not only_folders) and regex.fullmatch(path if whole else name):
                return not includes
        return None


def load_rules(folder: int) -> IgnoreRules | None:
    """Return the rules in the folder of a descriptor, None if it has none."""
    with suppress(OSError):
        descriptor = os.open(NAME, OPEN_FLAGS, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return IgnoreRules.parse(file.read(_MOST_BYTES).decode("utf-8-sig", "replace"))
    return None


def outer_rules(start: Path) -> list[tuple[str, IgnoreRules]]:
    """Return the rules of the folders above ``start``, the outermost first.

    Each comes with the path of ``start`` from its folder, which ends with a slash.
    """
    root = next((folder for folder in (start, *start.parents) if is_repository(folder)), start)
    found = []
    for folder in reversed([folder for folder in start.parents if folder.is_relative_to(root)]):
        with suppress(OSError), opened_folder(folder) as descriptor:
            if rules := load_rules(descriptor):
                found.append((f"{start.relative_to(folder).as_posix()}/", rules))
    return found


def _read_rule(line: str) -> tuple[_Key, str] | None:
    line = re.sub(r"(?<!\\) +$", "", line.rstrip("\r"))
    if not line or line.startswith("#") or len(line) > _LONGEST_RULE:
        return None
    includes = line.startswith("!")
    pattern = line.removeprefix("!")
    only_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    whole = "/" in pattern
    parts = pattern.removeprefix("/").split("/")
    if not all(parts) or parts.count("**") > _MOST_DOUBLE_STARS:
        return None
    source = "".join(_translate(part, is_last=number == len(parts)) for number, part in enumerate(parts, 1))
    try:
        re.compile(source)
    except re.error:  # a class such as [z-a]
        return None
    return (includes, only_folders, whole), source


def _translate(part: str, *, is_last: bool) -> str:
    """Return a regular expression for one part of a path and the slash after it."""
    if part == "**":
        return ".+" if is_last else "(?:[^/]+/)*"
    pieces = [""]
    place = 0
    while place < len(part):
        character = part[place]
        place += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif character == "[" and (end := part.find("]", place + 1 + (part[place : place + 1] in "!^"))) > 0:
            pieces[-1] += _translate_class(part[place:end])
            place = end + 1
        else:
            if character == "\\" and place < len(part):
                character = part[place]
                place += 1
            pieces[-1] += re.escape(character)
    first, *middle = pieces
    last = f"[^/]*{middle.pop()}" if middle else ""
    # The first place where a middle piece fits is as good as any other, so no other is tried.
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + last + ("" if is_last else "/")


def _translate_class(inside: str) -> str:
    is_negated = inside[:1] in ("!", "^")
    # Python warns about & and others that could mean operations on sets, and about a hyphen that ends a range.
    members = re.sub(r"[\\\[\]^&~|]|(?<=.-)-", r"\\\g<0>", inside[is_negated:])
    return f"(?!/)[{'^' if is_negated else ''}{members}]"
