"""Images and documents beside session.yaml."""

from __future__ import annotations

from pathlib import Path

from aloop.llm.content.parts import MediaFile
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session_folder.media import MediaCache, keep_media


def test_image_is_read_once_and_a_missing_one_again(tmp_path: Path) -> None:
    part = keep_media(SYSTEM, tmp_path, MediaFile("dot.png", "image/png", b"dot"))
    path, cache = tmp_path / part.file, MediaCache(SYSTEM)
    path.rename(tmp_path / "aside")
    assert cache.read(tmp_path, part) is None
    (tmp_path / "aside").rename(path)
    assert cache.read(tmp_path, part) == b"dot"
    path.unlink()
    assert cache.read(tmp_path, part) == b"dot"
