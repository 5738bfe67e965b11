"""Images and documents in ``files/`` beside session.yaml."""

from __future__ import annotations

import errno
from pathlib import Path

from aloop.llm.content.parts import FILES, ContentPart, MediaFile, file_digest, is_intact, part_of
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.session_folder.outputs import make_own_folder

_MOST_BYTES = 50_000_000
"""Of images and documents that are kept in memory."""


class MediaCache:
    """The images and documents of a conversation, read once: each request needs them."""

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs
        self._data: dict[Path, bytes] = {}

    def read(self, folder: Path, part: ContentPart) -> bytes | None:
        """Return what ``read_media`` does."""
        key = folder / part.file
        if key not in self._data:
            data = read_media(self._fs, folder, part)
            if data is None:
                return None
            if sum(map(len, self._data.values())) > _MOST_BYTES:
                self._data.clear()
            self._data[key] = data
        return self._data[key]


def keep_media(fs: FileSystem, folder: Path, media: MediaFile) -> ContentPart:
    """Write an image or document to ``files/``, named by its digest; raises OSError."""
    part = part_of(media)
    make_own_folder(fs, folder, FILES)
    if read_media(fs, folder, part) is None:
        write_atomic(fs, folder / part.file, [media.data])
    return part


def read_media(fs: FileSystem, folder: Path, part: ContentPart) -> bytes | None:
    """Return the bytes of a part; None if they are missing, altered or behind a link."""
    try:
        return _read(fs, folder, part)
    except OSError:
        return None


def _read(fs: FileSystem, folder: Path, part: ContentPart) -> bytes | None:
    if not file_digest(part.file) or FILES not in fs.folders(folder):  # a link is not a folder
        return None
    data = fs.read(folder / part.file)
    return data if is_intact(part, data) else None


def copy_media(fs: FileSystem, source: Path, target: Path, part: ContentPart) -> None:
    """Copy the bytes of a part to another session's folder, if they exist.

    Raises OSError if they are, but cannot be read or written.
    """
    try:
        data = _read(fs, source, part)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno == errno.ELOOP:  # links are not followed
            return
        raise
    if data is None:
        return
    make_own_folder(fs, target, FILES)
    write_atomic(fs, target / part.file, [data])
