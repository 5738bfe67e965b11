"""The folders and system messages that the user trusts.

They are kept in a private file in the user's state directory. Each line is a JSON list: the kind of entry, and a folder
or the hash of a text. Two shells may append at the same time. Invalid lines are ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from aloop.config import state_dir
from aloop.errors import StorageError

_FOLDER, _SYSTEM = "folder", "system"
Key = tuple[str, str]


class TrustFile:
    """The file at ``path``, read on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[Key] | None = None

    @classmethod
    def of_user(cls) -> TrustFile:
        return cls(state_dir() / "aloop" / "trust")

    def knows_folder(self, folder: Path) -> bool:
        return _folder(folder) in self._entries()

    def knows_text(self, text: str) -> bool:
        """Return True if the user gave or accepted exactly this text."""
        return _text(text) in self._entries()

    def remember(self, folders: Iterable[Path] = (), texts: Iterable[str] = ()) -> None:
        """Add new entries; raise StorageError if the file cannot be written.

        The entries then count for this run anyway, so the error is raised only once.
        """
        known = self._entries()
        fresh = {*map(_folder, folders), *map(_text, texts)} - known
        known |= fresh
        if fresh:
            self._append("".join(json.dumps(key) + "\n" for key in sorted(fresh)))

    def _entries(self) -> set[Key]:
        if self._known is None:
            try:
                lines = self._path.read_bytes().splitlines()
            except OSError:
                lines = []  # without a readable file, nothing is trusted
            self._known = {key for key in map(_decode, lines) if key is not None}
        return self._known

    def _append(self, lines: str) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # One call, so that entries from another shell come before or after it.
                os.write(file, lines.encode())
            finally:
                os.close(file)
        except OSError as error:
            reason = f"Could not save what you trust to {self._path}: {error.strerror or error}."
            raise StorageError(f"{reason} You will be asked again.", self._path, error) from error


def _folder(folder: Path) -> Key:
    return _FOLDER, os.path.realpath(folder)


def _text(text: str) -> Key:
    # Imported late for start-up time.
    import hashlib

    return _SYSTEM, hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _decode(line: bytes) -> Key | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
        return entry[0], entry[1]
    return None
