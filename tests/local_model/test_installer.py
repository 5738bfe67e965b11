"""Installation and removal of the local model, with a fake pip."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace

import pytest

from aloop.errors import LocalModelError
from aloop.local_model.installer import Progress, find_installer, install, remove, require_prerequisites
from aloop.local_model.models import InstallPaths, size_of
from aloop.local_model.packages import packages_for
from tests.local_model.installation import ROOT, install_fake
from tests.processes import is_running

FAKE_PIP = [sys.executable, str(Path(__file__).with_name("fake_pip.py"))]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPaths:
    monkeypatch.setenv("PYTHONPATH_OF_TESTS", str(ROOT))
    return InstallPaths(tmp_path / "data")


def fetch(paths: InstallPaths) -> list[Progress]:
    seen: list[Progress] = []
    install(paths, seen.append, FAKE_PIP)
    return seen


def left_in(paths: InstallPaths) -> list[str]:
    """Return the names in the data folder, without the lock."""
    return sorted(path.name for path in paths.data_dir.iterdir() if path != paths.lock)


def test_install_leaves_only_the_installation(paths: InstallPaths) -> None:
    seen = fetch(paths)
    assert paths.is_installed
    assert paths.weights.is_file()
    assert json.loads(paths.manifest.read_text()) == {package.name: package.version for package in packages_for()}
    assert left_in(paths) == [paths.folder.name]
    assert sorted(path.name for path in paths.folder.iterdir()) == ["installed.json", "requirements.txt", "site"]
    assert seen[-1].done == seen[-1].total


def test_install_replaces_an_earlier_installation(paths: InstallPaths) -> None:
    install_fake(paths.data_dir)
    (paths.folder / "old").touch()
    fetch(paths)
    assert not (paths.folder / "old").exists()
    assert left_in(paths) == [paths.folder.name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("NewConnectionError: [Errno 111] Connection refused", "could not be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "does not have the expected SHA-256 hash"),
        ("ERROR: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: No matching distribution found for xllamacpp", "no build of the local model for this system"),
        ("ERROR: Something else", "could not be installed: Something else"),
    ],
)
def test_failed_install_gives_a_reason_and_leaves_nothing(
    paths: InstallPaths, words: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PIP", words)
    with pytest.raises(LocalModelError, match=message) as caught:
        fetch(paths)
    assert "\n" not in str(caught.value)
    assert left_in(paths) == []


def test_unloadable_packages_do_not_replace_the_installation(
    paths: InstallPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake(paths.data_dir)
    monkeypatch.setenv("FAKE_PIP", "broken")
    with pytest.raises(LocalModelError, match="apt-get install libgomp1"):
        fetch(paths)
    assert paths.is_installed
    assert left_in(paths) == [paths.folder.name]


def test_interrupted_install_ends_the_installer_and_leaves_nothing(
    paths: InstallPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PIP", "hang")
    processes = []

    def interrupt(_: Progress) -> None:
        for noted in paths.data_dir.glob(".*.partial/site/pid"):
            if text := noted.read_text():
                processes.append(int(text))
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(paths, interrupt, FAKE_PIP)
    assert left_in(paths) == []
    assert not is_running(processes[0])
    monkeypatch.setenv("FAKE_PIP", "whole")
    fetch(paths)
    assert paths.is_installed


def test_install_deletes_leftovers(paths: InstallPaths) -> None:
    (paths.data_dir / f".{paths.folder.name}.abcd.partial" / "site").mkdir(parents=True)
    fetch(paths)
    assert left_in(paths) == [paths.folder.name]


def test_concurrent_install_and_remove_are_refused(paths: InstallPaths) -> None:
    fetch(paths)
    descriptor = os.open(paths.lock, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    for act in (fetch, remove):
        with pytest.raises(LocalModelError, match="Another aloop process is installing"):
            act(paths)
    os.close(descriptor)
    assert paths.is_installed


def test_low_disk_space_is_reported_before_downloading(paths: InstallPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    with pytest.raises(LocalModelError, match=r"has 5 MB free, but the installation needs \d+ MB"):
        fetch(paths)
    assert left_in(paths) == []


def test_missing_library_is_reported_before_downloading(paths: InstallPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lack)
    with pytest.raises(LocalModelError, match="apt-get install libgomp1"):
        fetch(paths)
    assert not paths.data_dir.exists()


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalModelError, match=r"file.* cannot be written: .*ALOOP_DATA_DIR"):
        fetch(InstallPaths(tmp_path / "file"))


def test_install_uses_uv_without_pip_and_raises_without_both(
    paths: InstallPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalModelError, match="neither pip nor uv"):
        install(paths, lambda _: None)
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\n[ "$1 $2" = "pip install" ] && exec {" ".join(FAKE_PIP)} "$@"\n')
    uv.chmod(0o755)
    install(paths, lambda _: None)
    assert paths.is_installed


def test_remove_returns_the_bytes_freed(paths: InstallPaths) -> None:
    assert remove(paths) == 0
    fetch(paths)
    assert remove(paths) > 0
    assert left_in(paths) == []
    assert remove(paths) == 0


def test_size_of_ignores_a_vanishing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_bytes(b"12345")
    vanishing = tmp_path / "vanishing"
    vanishing.mkdir()
    list_folder = os.scandir

    def lose_one(path: str | Path) -> object:
        found = list_folder(path)
        if vanishing.exists():
            vanishing.rmdir()
            return list_folder(path) if Path(path) == vanishing else found
        return found

    monkeypatch.setattr(os, "scandir", lose_one)
    assert size_of(tmp_path) == 5


@pytest.mark.parametrize("name", ["pip.py", "pip/__main__.py"])
def test_installer_runs_no_pip_of_the_working_directory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text("print('planted')")
    (planted.parent / "__init__.py").write_text("print('planted')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: object())
    done = subprocess.run([*find_installer(), "--help"], capture_output=True, text=True, check=False)
    assert "planted" not in done.stdout


def test_planted_pip_is_not_found_as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("site.getsitepackages", list)
    monkeypatch.setattr("site.ENABLE_USER_SITE", False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LocalModelError, match="neither pip nor uv"):
        find_installer()


def test_installer_has_a_neutral_working_directory(paths: InstallPaths, tmp_path: Path) -> None:
    script = tmp_path / "pip.sh"
    script.write_text(f'#!/bin/sh\npwd > {tmp_path}/where\nexec {" ".join(FAKE_PIP)} "$@"\n')
    script.chmod(0o755)
    install(paths, lambda _: None, [str(script)])
    assert (tmp_path / "where").read_text().startswith(str(paths.data_dir))


@pytest.fixture
def preflight_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPaths:
    """The paths on a machine that meets all prerequisites."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: object())
    monkeypatch.setattr(ctypes, "CDLL", lambda _: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    return InstallPaths(tmp_path / "deep" / "data")


def test_prerequisites_pass_without_creating_folders(preflight_paths: InstallPaths) -> None:
    require_prerequisites(preflight_paths)
    assert not preflight_paths.data_dir.parent.exists()


def test_prerequisites_name_an_unknown_platform(preflight_paths: InstallPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
    with pytest.raises(LocalModelError, match=r"not available for this machine \(linux-riscv64\)"):
        require_prerequisites(preflight_paths)


def test_prerequisites_need_pip_or_uv(
    preflight_paths: InstallPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalModelError, match="neither pip nor uv"):
        require_prerequisites(preflight_paths)
    (tmp_path / "uv").touch(0o755)
    require_prerequisites(preflight_paths)


def test_missing_library_is_named_with_its_package(
    preflight_paths: InstallPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ctypes, "CDLL", lack)
    with pytest.raises(LocalModelError, match="apt-get install libgomp1"):
        require_prerequisites(preflight_paths)


def test_prerequisites_report_an_unwritable_folder(
    preflight_paths: InstallPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalModelError, match=r"file cannot be written: it is not a folder\..*ALOOP_DATA_DIR"):
        require_prerequisites(InstallPaths(tmp_path / "file"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LocalModelError, match=r"data cannot be written: \S+ is read-only\. .*ALOOP_DATA_DIR"):
        require_prerequisites(preflight_paths)


def test_leftovers_count_as_free_space(preflight_paths: InstallPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    with pytest.raises(LocalModelError, match=r"has 5 MB free, but the installation needs \d+ MB"):
        require_prerequisites(preflight_paths)
    left = preflight_paths.temporary("abcd")
    left.mkdir(parents=True)
    with (left / "half").open("wb") as half:
        half.truncate(10**9)
    require_prerequisites(preflight_paths)
