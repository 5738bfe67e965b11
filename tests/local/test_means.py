"""What an installation needs of the machine, looked at before anything is fetched."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from aloop.errors import LocalModelError
from aloop.local_model.installer import require_means
from aloop.local_model.models import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place on a machine that has all it takes."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(ctypes, "CDLL", lambda _: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    return Place(tmp_path / "deep" / "data")


def test_where_there_is_all_nothing_is_said_and_nothing_made(place: Place) -> None:
    require_means(place)
    assert not place.data_dir.parent.exists()


def test_an_unknown_platform_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
    with pytest.raises(LocalModelError, match=r"no local model for this machine \(linux-riscv64\)"):
        require_means(place)


def test_pip_or_uv_it_must_be(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalModelError, match="neither pip nor uv"):
        require_means(place)
    (tmp_path / "uv").touch(0o755)
    require_means(place)


def test_a_missing_library_is_named_with_its_package(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ctypes, "CDLL", lack)
    with pytest.raises(LocalModelError, match="apt-get install libgomp1"):
        require_means(place)


def test_a_place_that_can_not_be_written_is_told_from_one_that_is_not_there(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalModelError, match=r"file can not be written: it is no folder\..*ALOOP_DATA_DIR"):
        require_means(Place(tmp_path / "file"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LocalModelError, match=r"data can not be written: \S+ does not let you\. .*ALOOP_DATA_DIR"):
        require_means(place)


def test_what_a_kill_left_behind_counts_as_room(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    with pytest.raises(LocalModelError, match=r"has 5 MB free, and \d+ MB are needed"):
        require_means(place)
    left = place.beside("abcd")
    left.mkdir(parents=True)
    with (left / "half").open("wb") as half:
        half.truncate(10**9)
    require_means(place)
