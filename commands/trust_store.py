"""What this user has worked in and agreed to: a private file of the user's own, never one of a project.

One line an entry, a JSON list: what kind it is, and the folder, or the digest of a text. Two shells may add to it at
the same time; a line that is no entry is passed over.
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
    """The file at ``path``, read when it is first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[Key] | None = None

    @classmethod
    def of_user(cls) -> TrustFile:
        return cls(state_dir() / "aloop" / "trust")

    def knows_folder(self, folder: Path) -> bool:
        return _folder(folder) in self._entries()

    def knows_text(self, text: str) -> bool:
        """Whether this very text was given by the user, or shown and agreed to."""
        return _text(text) in self._entries()

    def remember(self, folders: Iterable[Path] = (), texts: Iterable[str] = ()) -> None:
        """Add what is new; raises StorageError, once, when it can not be written."""
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
                lines = []  # nothing is trusted that can not be read
            self._known = {key for key in map(_decode, lines) if key is not None}
        return self._known

    def _append(self, lines: str) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # In one call: what another shell adds at this moment stands before or behind it.
                os.write(file, lines.encode())
            finally:
                os.close(file)
        except OSError as error:
            reason = f"Could not remember in {self._path} what you trust: {error.strerror or error}."
            raise StorageError(f"{reason} It will be asked again.", self._path, error) from error


def _folder(folder: Path) -> Key:
    return _FOLDER, os.path.realpath(folder)


def _text(text: str) -> Key:
    # Imported here for start-up time.
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
