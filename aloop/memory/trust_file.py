"""The sessions, system messages and projects that the user trusts.

They are kept in a private file in the user's state directory, outside every project, so that no project can add to it.
Each line is a JSON list: the kind of entry, and an ID, a folder or the hash of a text. Two shells may append at the
same time. Invalid lines are ignored.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from aloop.config.user_folders import state_dir
from aloop.errors import SHORT_ID, StorageError
from aloop.formatting import display_path
from aloop.regular_file import read_regular, require_regular

_FOLDER, _SYSTEM, _WRITTEN, _ACCEPTED, _PROJECT = "folder", "system", "session", "accepted", "project"


class TrustFile:
    """The file at ``path``, read on first use and when another process has changed it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[bytes] = set()
        self._size = -1
        self._is_torn = False

    @classmethod
    def of_user(cls) -> TrustFile:
        return cls(state_dir() / "aloop" / "trust")

    def wrote(self, session_id: str) -> bool:
        """Return True if this user's aloop has written the session."""
        return _line(_WRITTEN, session_id) in self._entries()

    def short_ids(self) -> set[str]:
        """Return the first characters of the IDs of all sessions that it has written."""
        head = _line(_WRITTEN, "")[: -len('"]')]
        end = len(head) + SHORT_ID
        return {line[len(head) : end].decode(errors="replace") for line in self._entries() if line.startswith(head)}

    def knows_session(self, session_id: str) -> bool:
        """Return True if this user's aloop wrote the session, or the user accepted it."""
        return self.wrote(session_id) or _line(_ACCEPTED, session_id) in self._entries()

    def knows_folder(self, folder: Path) -> bool:
        """Return True for a sessions folder in use, or a folder that was accepted."""
        return _folder(folder) in self._entries()

    def knows_text(self, text: str) -> bool:
        """Return True if the user gave or accepted exactly this text."""
        return _text(text) in self._entries()

    def knows_project(self, root: Path) -> bool:
        """Return True if the user accepted the instructions and commands of a project."""
        return _project(root) in self._entries()

    def trust_copy(self, source_id: str, copy_id: str) -> None:
        """Trust a copy of a session as much as its source; raises as ``remember`` does."""
        if self.wrote(source_id):
            self.remember(written=[copy_id])
        elif self.knows_session(source_id):
            self.remember(accepted=[copy_id])

    def remember(
        self,
        *,
        written: Iterable[str] = (),
        accepted: Iterable[str] = (),
        folders: Iterable[Path] = (),
        texts: Iterable[str] = (),
        projects: Iterable[Path] = (),
    ) -> None:
        """Add new entries; raise StorageError if the file cannot be written.

        ``written`` and ``accepted`` are session IDs. The entries then count for this run anyway, so the error is raised
        only once.
        """
        known = self._entries()
        sessions = {_line(_WRITTEN, each) for each in written} | {_line(_ACCEPTED, each) for each in accepted}
        fresh = {*sessions, *map(_folder, folders), *map(_text, texts), *map(_project, projects)} - known
        known |= fresh
        if fresh:
            self._append(b"".join(line + b"\n" for line in sorted(fresh)))

    def _entries(self) -> set[bytes]:
        # The file only grows, and another shell may have added the session that is asked for.
        try:
            size = self._path.stat().st_size
        except OSError:
            size = 0
        if size != self._size:
            self._size = size
            try:
                data = read_regular(self._path)
            except OSError:
                data = b""  # without a readable file, nothing is trusted
            # Compared as lines, because decoding those of 10,000 sessions would delay the first turn.
            self._known |= set(data.splitlines())
            self._is_torn = bool(data) and not data.endswith(b"\n")
        return self._known

    def _append(self, lines: bytes) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            file = os.open(self._path, flags, 0o600)
            try:
                require_regular(file)
                # One call, so that entries from another shell come before or after it.
                added = b"\n" + lines if self._is_torn else lines
                if os.write(file, added) < len(added):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._is_torn = False
                # Read again only if another shell has added to it.
                if os.fstat(file).st_size == self._size + len(added):
                    self._size += len(added)
            finally:
                os.close(file)
        except OSError as error:
            reason = f"Could not save your answer about trust in {display_path(self._path)}: {error.strerror or error}."
            raise StorageError(f"{reason} You will be asked again.", self._path, error) from error


def _folder(folder: Path) -> bytes:
    return _line(_FOLDER, os.path.realpath(folder))


def _project(root: Path) -> bytes:
    return _line(_PROJECT, os.path.realpath(root))


def _text(text: str) -> bytes:
    # Imported late for startup time.
    import hashlib

    return _line(_SYSTEM, hashlib.sha256(text.encode(errors="replace")).hexdigest())


def _line(kind: str, value: str) -> bytes:
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'["{kind}", "{value}"]'.encode()
    # Imported here for startup time: the banner asks about an ID.
    import json

    return json.dumps([kind, value]).encode()
