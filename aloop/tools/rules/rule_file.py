"""The file with the user's permission rules.

Each line is a rule, ``#`` starts a comment, and a line such as ``[/home/me/project]`` limits the rules below it to that
project. The file is only in the user's settings, never in a project. A change leaves all other lines as they are.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aloop.config.user_folders import RULES_NAME, settings_folder
from aloop.errors import StorageError, UsageError
from aloop.formatting import display_path, expand_home
from aloop.regular_file import read_regular
from aloop.text import lines_of
from aloop.tools.rules.rule import Rule, parse_rule

_HEADINGS = ("[/", "[~/")
_HEAD = "# Permission rules. `aloop permissions` lists and removes them.\n"


class RuleFile:
    """The file at ``path``, which need not exist; read again each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_user(cls) -> RuleFile:
        return cls(settings_folder() / RULES_NAME)

    def read(self) -> list[Rule]:
        """Return the rules in their order; raise UsageError with the line of a mistake."""
        return [rule for _, rule in _parse(self._lines(), self.path)]

    def add(self, rules: Sequence[Rule]) -> None:
        """Add those ``rules`` that the file does not have; raise AloopError."""
        for project in {rule.project for rule in rules} - {None}:
            if not str(project).isprintable():
                raise UsageError(
                    f"Rules for {display_path(str(project))} cannot be saved: "
                    "its path has control characters or invisible characters."
                )

        def change(lines: list[str]) -> list[str]:
            known = {rule for _, rule in _parse(lines, self.path)}
            for rule in rules:
                if rule not in known:
                    known.add(rule)
                    lines.insert(_place(lines, rule.project), f"{rule}\n")
            return lines

        self._rewrite(change)

    def remove(self, rule: Rule) -> None:
        """Remove all lines with ``rule``; raise AloopError."""

        def change(lines: list[str]) -> list[str]:
            numbers = {number for number, each in _parse(lines, self.path) if each == rule}
            return [line for number, line in enumerate(lines) if number not in numbers]

        self._rewrite(change)

    def _lines(self) -> list[str]:
        try:
            return lines_of(read_regular(self.path).decode("utf-8-sig"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise StorageError(
                f"The permission rules in {display_path(self.path)} cannot be read: {reason}.", self.path
            ) from error

    def _rewrite(self, change: Callable[[list[str]], list[str]]) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                lines = self._lines() or [_HEAD]
                if not lines[-1].endswith("\n"):
                    lines[-1] += "\n"
                self._write("".join(change(lines)))
        except OSError as error:
            reason = error.strerror or error
            raise StorageError(
                f"The permission rules cannot be saved in {display_path(self.path)}: {reason}.", self.path
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from changing the file."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _write(self, text: str) -> None:
        # Through a link, which a program that manages settings may have put there.
        target = Path(os.path.realpath(self.path))
        descriptor, temporary = tempfile.mkstemp(prefix=f".{RULES_NAME}-", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _parse(lines: Sequence[str], path: Path) -> Iterator[tuple[int, Rule]]:
    """Yield each rule with the index of its line."""
    project: Path | None = None
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith(_HEADINGS) and text.endswith("]"):
            project = _project(text)
            continue
        try:
            yield number, parse_rule(text, project)
        except UsageError as error:
            raise UsageError(f"{display_path(path)}, line {number + 1}: {error}") from error


def _project(heading: str) -> Path:
    """Return the real path of the folder in brackets, as the root of a project is."""
    return Path(os.path.realpath(expand_home(heading[1:-1])))


def _place(lines: list[str], project: Path | None) -> int:
    """Return where a rule belongs; add the heading of ``project`` if it is missing."""
    headings = [number for number, line in enumerate(lines) if line.lstrip().startswith(_HEADINGS)]
    if project is None:
        start, following = 0, headings[:1]
    else:
        own = [number for number in headings if _project(lines[number].strip()) == project]
        if not own:
            lines += ["\n", f"[{project}]\n"]
            return len(lines)
        start = own[-1] + 1
        following = [number for number in headings if number >= start]
    end = following[0] if following else len(lines)
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end
