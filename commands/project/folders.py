"""Finds and reads files of the user's configuration and of the project.

Only the names are looked up without trust; nothing here decides whether a folder is trusted.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import NamedTuple

from aloop.config.user_folders import settings_folder
from aloop.formatting import display_path, home_folder
from aloop.project import project_root
from aloop.regular_file import read_regular
from aloop.sanitize import safe_line
from aloop.text import clean_text

INSTRUCTION_NAMES = ("AGENTS.md", "CLAUDE.md")
"""Names of instruction files; the first one that exists in a folder counts."""
COMMANDS_FOLDER = "commands"
SKILLS_FOLDER = "skills"
SKILL_NAME = "SKILL.md"

_MOST_COMMANDS = 200
_MOST_SKILLS = 200  # in one folder
_SKILL_HOLDERS = (".aloop", ".agents", ".claude")


class FoundFile(NamedTuple):
    """A file that may be read, with the path to show.

    ``project`` is the folder that has to be trusted and that a link may not leave; None for a file of the user.
    """

    path: Path
    shown: str
    project: Path | None


class Unreadable(Exception):
    """A file that is left out; the message is a sentence about it."""


def find_instruction_files(folder: Path) -> list[FoundFile]:
    """Return the instruction files that apply in ``folder``, the most general first.

    They are the user's, then those from the root of the project down to ``folder``.
    """
    here, root = Path(os.path.realpath(folder)), project_root(folder)
    found = [_found(path, display_path(path)) for path in _first(settings_folder())]
    below = [here, *here.parents][: len(here.parts) - len(root.parts) + 1]
    for each in reversed(below):
        found += [_found(path, os.path.relpath(path, here), root) for path in _first(each)]
    return found


def find_command_files(folder: Path) -> list[FoundFile]:
    """Return the files with commands for ``folder``, those of the user first."""
    root = project_root(folder)
    mine = [_found(path, display_path(path)) for path in _markdown(settings_folder() / COMMANDS_FOLDER)]
    ours = root / ".aloop" / COMMANDS_FOLDER
    return mine + [_found(path, str(path.relative_to(root)), root) for path in _markdown(ours)]


def find_skill_files(folder: Path) -> list[FoundFile]:
    """Return the files of the skills for ``folder``, those that take precedence first.

    They are those from ``folder`` up to the root of the project, then those of the user.
    """
    here, root = Path(os.path.realpath(folder)), project_root(folder)
    mine = [settings_folder(), home_folder() / ".agents", home_folder() / ".claude"]
    above = [here, *here.parents][: len(here.parts) - len(root.parts) + 1]
    own = {each / SKILLS_FOLDER for each in mine}
    ours = [place for each in above for name in _SKILL_HOLDERS if (place := each / name / SKILLS_FOLDER) not in own]
    found = [_found(path, os.path.relpath(path, here), root) for place in ours for path in _skills(place)]
    return found + [_found(path, display_path(path)) for each in mine for path in _skills(each / SKILLS_FOLDER)]


def _skills(folder: Path) -> list[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:  # usually it does not exist
        return []
    paths = (folder / name / SKILL_NAME for name in names)
    return [path for path in paths if os.path.lexists(path)][:_MOST_SKILLS]


def _found(path: Path, shown: str, project: Path | None = None) -> FoundFile:
    # A project chooses the names: a line break in one could add a sentence to a question.
    return FoundFile(path, safe_line(shown), project)


def _markdown(folder: Path) -> list[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".md"))
    except OSError:  # usually it does not exist
        return []
    return [folder / name for name in names[:_MOST_COMMANDS]]


def _first(folder: Path) -> list[Path]:
    return [path for name in INSTRUCTION_NAMES if os.path.lexists(path := folder / name)][:1]


def read_text(file: FoundFile, most: int) -> tuple[str, bool]:
    """Return at most ``most`` bytes of a file as text, and True if that is all of it.

    Raises Unreadable for anything but a UTF-8 text in a regular file, and for a link out of the project.
    """
    real = Path(os.path.realpath(file.path))
    if file.project is not None and not real.is_relative_to(file.project):
        raise Unreadable(f"{file.shown} is not read, because it is a link out of the project.")
    try:
        data = read_regular(real, most + 1)
    except OSError as error:
        raise Unreadable(f"{file.shown} cannot be read: {error.strerror or error}.") from error
    is_whole = len(data) <= most
    if not is_whole:
        data = data[:most]
        data = data[: data.rfind(b"\n") + 1]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{file.shown} is not read, because it is not UTF-8 text.") from error
    if "\0" in text:
        raise Unreadable(f"{file.shown} is not read, because it is not a text file.")
    return text.replace("\r\n", "\n"), is_whole


def without_invisible(text: str) -> tuple[str, int]:
    """Return ``text`` without invisible characters, and their number."""
    text = clean_text(text)
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text, 0
    kept = "".join(each for each in text if each in _KEPT or unicodedata.category(each) not in _NEEDLESS)
    return kept, len(text) - len(kept)


_KEPT = "\n\t\u200c\u200d"  # the joiners change how letters look
_NEEDLESS = frozenset({"Cf", "Cc", "Co", "Cn"})
