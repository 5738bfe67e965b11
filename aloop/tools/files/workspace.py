"""The working directory as a boundary for the paths that a model names."""

from __future__ import annotations

import errno
import os
from itertools import islice
from pathlib import Path

from aloop.errors import ToolError
from aloop.project import moved_folder
from aloop.text import clean_text, closest_matches
from aloop.tools.files.folder_descriptor import opened_folder

_LONGEST_PATH = 4096
_SIBLINGS = 5_000  # names compared to find a suggestion


class Workspace:
    """A directory, the root, and a boundary around it.

    ``allow_outside`` removes the boundary but keeps the other checks. ``admitted`` is a real path outside that may be
    used, with everything below it.
    """

    def __init__(self, root: str | Path, *, allow_outside: bool = False, admitted: Path | None = None) -> None:
        self.root = Path(os.path.realpath(root))
        self._status = _status(self.root)
        self.allow_outside = allow_outside
        self._admitted = admitted

    def admitting(self, path: Path) -> Workspace:
        """Return a copy that also admits the real path ``path``."""
        return Workspace(self.root, allow_outside=self.allow_outside, admitted=path)

    def follow(self) -> Path | None:
        """Use the new path of the root if it was moved while this process runs in it.

        Returns that path, None if the root is where it was.
        """
        if self._status is None:
            return None
        now = _status(self.root)
        if now is not None and os.path.samestat(now, self._status):
            return None
        moved = moved_folder(self._status)
        if moved is None or moved == self.root:
            return None
        self.root = moved
        return moved

    def require_root(self, path: Path) -> None:
        """Raise ToolError if ``path`` is in a root that was moved or removed.

        Writing would create the root again, in the way of what belongs there.
        """
        if path.is_relative_to(self.root) and not os.path.isdir(self.root):  # noqa: PTH112 - as in aloop.project
            raise gone(self.root)

    def locate(self, text: str) -> Path:
        """Return the real path that ``text`` names, inside or outside, existing or not.

        Raises ToolError if ``text`` cannot be a path.
        """
        return _real(self._candidate(text), text)

    def admits(self, real: Path) -> bool:
        """Return True if a real path may be used without permission."""
        is_inside = real.is_relative_to(self.root)
        return self.allow_outside or is_inside or (self._admitted is not None and real.is_relative_to(self._admitted))

    def named(self, text: str) -> Path:
        """Return the absolute path that ``text`` names, with its links."""
        return Path(os.path.normpath(self._candidate(text)))

    def escapes_by_link(self, text: str, real: Path) -> bool:
        """Return True if ``text`` names a path inside, but its real path is outside."""
        return self.named(text).is_relative_to(self.root) and not real.is_relative_to(self.root)

    def resolve(self, text: str) -> Path:
        """Return the real path that ``text`` names, without links.

        Paths are relative to the root; ``~`` is the home directory. Raises ToolError if nothing exists there, or if
        the path is outside, directly or through a link.
        """
        candidate = self._candidate(text)
        try:
            real = Path(os.path.realpath(candidate, strict=True))
        except OSError as error:
            # Check the boundary first, so that the error does not reveal if a path outside exists.
            self._confine(_real(candidate, text), text)
            if _is_missing(error):
                raise self._missing(candidate, text) from error
            raise ToolError(describe_os_error(error, text)) from error
        self._confine(real, text)
        return real

    def show(self, path: Path) -> str:
        """Return ``path`` relative to the root if it is inside, absolute otherwise."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def _candidate(self, text: str) -> str:
        text = clean_text(text)
        if not text.strip():
            raise ToolError("The path is empty.")
        if "\0" in text:
            raise ToolError("A path cannot contain a NUL character.")
        if len(text) > _LONGEST_PATH:
            raise ToolError(
                f"The path is too long: it has {len(text):,} characters, and at most {_LONGEST_PATH:,} are allowed."
            )
        # expanduser changes a name such as "~notes" only if that user exists; the home is then checked like any path.
        return os.path.join(self.root, os.path.expanduser(text))  # noqa: PTH111, PTH118  # Path loses a final "/.."

    def _confine(self, real: Path, text: str) -> None:
        if not self.admits(real):
            raise ToolError(f"{text!r} is outside the working directory ({self.root}).", "Use a path inside it.")

    def _missing(self, candidate: str, text: str) -> ToolError:
        near = self._near_names(candidate)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Use list_files to see the names in a folder."
        return ToolError(f"{text!r} does not exist.", hint)

    def _near_names(self, candidate: str) -> list[str]:
        parent, name = os.path.split(candidate.rstrip("/"))
        try:
            folder = Path(os.path.realpath(parent, strict=True))
            self._confine(folder, parent)
            with opened_folder(folder, to_list=True) as descriptor, os.scandir(descriptor) as entries:
                names = {entry.name.casefold(): entry.name for entry in islice(entries, _SIBLINGS)}
        except (OSError, ToolError):
            return []  # the folder is missing too, so there is nothing to suggest
        close = closest_matches(name.casefold(), names, limit=3)
        return [repr(self.show(folder / names[match])) for match in close]


def quoted(name: str) -> str:
    """Return ``name``, in quotes if it has hidden characters or unusual blanks."""
    is_plain = name.isprintable() and name == name.strip() and "  " not in name
    return name if is_plain else repr(name)


def gone(root: Path) -> ToolError:
    """Return the error for a working directory that was moved or removed."""
    return ToolError(
        f"The working directory {quoted(str(root))} was moved or removed, and nothing was done.",
        "Try again once; if that fails, too, ask the user to restart aloop.",
    )


def describe_os_error(error: OSError, shown: str) -> str:
    """Return a message for the failure to read ``shown``."""
    if isinstance(error, PermissionError):
        return f"Permission denied: {shown!r} cannot be read."
    if error.errno == errno.ELOOP:
        return f"{shown!r} cannot be read: a link on its path leads back to itself, or has just changed."
    if error.errno == errno.ENAMETOOLONG:
        return f"{shown[:60]!r}… is too long for a file name."
    return f"{shown!r} cannot be read: {error.strerror or type(error).__name__}."


def _real(candidate: str, text: str) -> Path:
    try:
        return Path(os.path.realpath(candidate))
    except OSError as error:  # another process has just replaced a link
        raise ToolError(describe_os_error(error, text)) from error


def _is_missing(error: OSError) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)


def _status(folder: Path) -> os.stat_result | None:
    try:
        return folder.stat()
    except OSError:
        return None
