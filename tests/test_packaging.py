"""The contents of the wheel: the three packages and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aloop import __version__

ROOT = Path(__file__).parents[1]
PACKAGES = ("aloop", "commands", "repl")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy of the project, without a network."""
    copy = tmp_path_factory.mktemp("project")
    for name in (*PACKAGES, "docs", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".aloop"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def test_wheel_contains_the_three_packages_only(wheel: zipfile.ZipFile) -> None:
    roots = {name.partition("/")[0] for name in wheel.namelist()}
    assert roots == {*PACKAGES, f"aloop-{__version__}.dist-info"}


def test_wheel_contains_every_module(wheel: zipfile.ZipFile) -> None:
    sources = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert {name for name in wheel.namelist() if name.endswith(".py")} == sources


def test_wheel_contains_the_types_marker(wheel: zipfile.ZipFile) -> None:
    assert "aloop/py.typed" in wheel.namelist()


def test_wheel_contains_the_data_files(wheel: zipfile.ZipFile) -> None:
    data = {str(path.relative_to(ROOT)) for path in (ROOT / "aloop").rglob("*.json")}
    assert data <= set(wheel.namelist())


def test_entry_point_is_run_of_the_aloop_package(wheel: zipfile.ZipFile) -> None:
    assert "aloop = aloop.entry:run" in wheel.read(f"aloop-{__version__}.dist-info/entry_points.txt").decode()


def test_wheel_contains_the_license(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith("LICENSE") for name in wheel.namelist())
