"""The texts cut by a comment that the user was warned about.

A comment may be intentional, so the same warning at each opening would be noise. A private file in the user's state
directory has a digest of each text, one per line, because two shells may append at the same time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from aloop.config.user_folders import state_dir
from aloop.memory.codec.comments import CutValue
from aloop.memory.disk.filesystem import SYSTEM, write_all

_DIGITS = 16
_MOST_BYTES = 1_000_000
"""The size beyond which the file is started over."""


class ToldComments:
    """The file at ``path``; errors of the disk only mean a second warning."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of_user(cls) -> ToldComments:
        return cls(state_dir() / "aloop" / "told-comments")

    def take_new(self, session_id: str, cuts: Sequence[tuple[str, CutValue]]) -> list[tuple[str, CutValue]]:
        """Return those of ``cuts`` that the user was not warned about, and remember them."""
        known = self._known() if cuts else set()
        new = {_digest(session_id, cut): (place, cut) for place, cut in cuts}
        new = {digest: placed for digest, placed in new.items() if digest not in known}
        if new:
            self._add(list(new))
        return list(new.values())

    def _known(self) -> set[str]:
        try:
            return set(self._path.read_text(encoding="ascii").split())
        except (OSError, UnicodeDecodeError):
            return set()

    def _add(self, digests: Sequence[str]) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > _MOST_BYTES:
                self._path.unlink()
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # The line feed at the start ends a line that a crash has cut off.
                write_all(SYSTEM, file, ["\n{}\n".format("\n".join(digests)).encode()])
            finally:
                os.close(file)


def _digest(session_id: str, cut: CutValue) -> str:
    """Return a digest that does not change if the text moves to another line."""
    return sha256("\0".join((session_id, cut.key, cut.text, cut.comment)).encode(errors="replace")).hexdigest()[
        :_DIGITS
    ]
