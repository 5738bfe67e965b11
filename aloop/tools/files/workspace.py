"""The working directory as a fence: every path that a model names goes through here before it is touched."""

from __future__ import annotations

import errno
import os
from itertools import islice
from pathlib import Path

from aloop.errors import ToolError
from aloop.llm.message_types import clean_text
from aloop.suggestions import closest_matches

_LONGEST_PATH = 4096
_SIBLINGS = 5_000  # names looked through for a suggestion


class Workspace:
    """A directory and what lies in it; ``allow_outside`` takes the fence down and leaves the other checks.

    ``gate`` is a real path that is let through the fence, with what lies below it.
    """

    def __init__(self, root: str | Path, *, allow_outside: bool = False, gate: Path | None = None) -> None:
        self.root = Path(os.path.realpath(root))
        self.allow_outside = allow_outside
        self._gate = gate

    def with_gate(self, path: Path) -> Workspace:
        """Return this workspace with a gate to ``path``, which must be real."""
        return Workspace(self.root, allow_outside=self.allow_outside, gate=path)

    def locate(self, text: str) -> Path:
        """Return the real path that ``text`` names, wherever it leads and whether or not anything is there.

        Raises ToolError for what can be no path.
        """
        return Path(os.path.realpath(self._candidate(text)))

    def admits(self, real: Path) -> bool:
        """Whether a real path may be used."""
        is_inside = real.is_relative_to(self.root)
        return self.allow_outside or is_inside or (self._gate is not None and real.is_relative_to(self._gate))

    def is_way_out(self, text: str) -> bool:
        """Whether ``text`` names a place inside from which a link leads out."""
        named = Path(os.path.normpath(self._candidate(text)))
        return named.is_relative_to(self.root) and not self.locate(text).is_relative_to(self.root)

    def resolve(self, text: str) -> Path:
        """Return the real path, free of links, that ``text`` names; relative to the root, ``~`` is the home directory.

        Raises ToolError when there is nothing at it, or when it is outside, also by way of a link.
        """
        candidate = self._candidate(text)
        try:
            real = Path(os.path.realpath(candidate, strict=True))
        except OSError as error:
            # The fence comes first: whether something outside exists, or may be read, is not told.
            self._confine(Path(os.path.realpath(candidate)), text)
            raise ToolError(self._missing(candidate, text) if _is_missing(error) else sentence(error, text)) from error
        self._confine(real, text)
        return real

    def show(self, path: Path) -> str:
        """Return ``path`` as a person would write it in this directory."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def _candidate(self, text: str) -> str:
        text = clean_text(text)
        if not text.strip():
            raise ToolError("The path is empty.")
        if "\0" in text:
            raise ToolError("A path can not hold a NUL character, inside the working directory or outside.")
        if len(text) > _LONGEST_PATH:
            raise ToolError(f"The path has {len(text):,} characters, which is too long for one.")
        # expanduser leaves a name such as "~notes" alone unless it is a user: the fence then judges the home.
        return os.path.join(self.root, os.path.expanduser(text))  # noqa: PTH111, PTH118  # Path loses a final "/.."

    def _confine(self, real: Path, text: str) -> None:
        if not self.admits(real):
            raise ToolError(f"{text!r} is outside the working directory ({self.root}). Only what is in it may be used.")

    def _missing(self, candidate: str, text: str) -> str:
        near = self._near_names(candidate)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"There is no {text!r} in the working directory.{hint}"

    def _near_names(self, candidate: str) -> list[str]:
        parent, name = os.path.split(candidate.rstrip("/"))
        try:
            folder = Path(os.path.realpath(parent, strict=True))
            self._confine(folder, parent)
            with os.scandir(folder) as entries:
                names = {entry.name.casefold(): entry.name for entry in islice(entries, _SIBLINGS)}
        except (OSError, ToolError):
            return []  # a suggestion is a courtesy; without the folder there is none to make
        close = closest_matches(name.casefold(), names, limit=3)
        return [repr(self.show(folder / names[match])) for match in close]


def sentence(error: OSError, shown: str) -> str:
    """Return what the operating system refused, in words."""
    if isinstance(error, PermissionError):
        return f"There is no permission to read {shown!r}."
    if error.errno == errno.ELOOP:
        return f"{shown!r} is a link that leads nowhere but round in a circle."
    if error.errno == errno.ENAMETOOLONG:
        return f"{shown[:60]!r}… is too long a name for a file."
    return f"{shown!r} can not be read: {error.strerror or type(error).__name__}."


def _is_missing(error: OSError) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)
