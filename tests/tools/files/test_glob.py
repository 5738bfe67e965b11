"""File name patterns, and walks through folders."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from aloop.errors import ToolError
from aloop.tools.files import glob as walk_module
from aloop.tools.files.glob import Glob, Walk
from aloop.tools.files.workspace import Workspace


def matches(pattern: str, path: str, *, hidden: bool = False) -> bool:
    glob = Glob(pattern, hidden=hidden)
    states = glob.start
    for part in path.split("/"):
        states = glob.advance(states, part)
    return glob.accepts(states)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.py", "a.py"),
        ("**/*.py", "a.py"),
        ("**/*.py", "a/b/c.py"),
        ("src/**", "src"),
        ("src/**", "src/a/b"),
        ("src/**/t?st_[ab].py", "src/x/test_a.py"),
        ("./src//*.py", "src/a.py"),
        ("*.{c,h}", "a.h"),
        ("{src,tests}/**/*.{py,toml}", "tests/a/b.toml"),
        (".github/*", ".github/ci"),
        ("**/.env*", "a/.env.local"),
        ("**/**/**/x", "x"),
    ],
)
def test_pattern_matches(pattern: str, path: str) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.py", "a/b.py"),
        ("*.py", "a.pyc"),
        ("*.py", "A.PY"),
        ("src/*", "src"),
        ("*", ".env"),
        ("**", "a/.git/config"),
        ("**/*.py", ".venv/a.py"),
    ],
)
def test_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


def test_hidden_names_match_if_requested() -> None:
    assert matches("**/*.py", ".config/a.py", hidden=True)


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../*", "~/x"])
def test_pattern_that_leaves_its_folder_is_refused(pattern: str) -> None:
    with pytest.raises(ToolError, match="leaves its folder"):
        Glob(pattern)


def test_braces_with_too_many_alternatives_are_refused() -> None:
    with pytest.raises(ToolError, match="more than 64"):
        Glob("{a,b}" * 20)


@pytest.mark.parametrize("character", "[{*?!")
def test_pattern_that_is_too_long_is_refused(character: str) -> None:
    with pytest.raises(ToolError, match="at most 1,000"):
        Glob(character * 200_000)


def test_glob_knows_if_anything_below_can_match() -> None:
    glob = Glob("src/*.py")
    assert glob.can_match_below(glob.advance(glob.start, "src"))
    assert not glob.can_match_below(glob.advance(glob.advance(glob.start, "src"), "a.py"))
    assert not glob.advance(glob.start, "docs")


def test_many_stars_do_not_make_a_pattern_slow() -> None:
    began = time.process_time()
    assert not matches("**/" * 200 + "*a" * 30 + "b", "/".join(["a" * 200] * 50))
    assert time.process_time() - began < 5


def walk(workspace: Workspace, pattern: str, *, hidden: bool = False) -> Walk:
    return Walk(workspace.root, Glob(pattern, hidden=hidden), threading.Event())


def names(found: Walk) -> list[str]:
    return [entry.relative for entry in found]


def test_walk_is_sorted_with_each_folder_before_its_contents(workspace: Workspace) -> None:
    assert names(walk(workspace, "src/**")) == [
        "src",
        "src/app.py",
        "src/data.bin",
        "src/deep",
        "src/deep/er",
        "src/deep/er/util.py",
    ]


def test_ignored_folders_are_listed_but_not_entered(workspace: Workspace) -> None:
    found = names(walk(workspace, "**", hidden=True))
    assert {".git", "node_modules"} < set(found)
    assert not [name for name in found if name.startswith((".git/", "node_modules/"))]


def test_links_are_listed_but_not_followed(workspace: Workspace) -> None:
    (workspace.root / "round").symlink_to(".")
    found = {entry.relative: entry.kind for entry in walk(workspace, "**")}
    assert found["round"] == "link"
    assert not any(name.startswith("round/") for name in found)


def test_folders_without_possible_matches_are_not_opened(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "MOST_VISITED", 6)  # the names in the root
    found = walk(workspace, "*")
    assert names(found) == ["README.md", "empty.txt", "node_modules", "src"]
    assert found.exhausted


def test_walk_stops_at_the_limit_and_adds_a_note(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "MOST_VISITED", 2)
    found = walk(workspace, "**", hidden=True)
    assert len(names(found)) == 2
    assert "Stopped after 2 names." in found.notes()[0]


def test_walk_ends_when_told_to_stop(workspace: Workspace) -> None:
    stop = threading.Event()
    stop.set()
    assert names(Walk(workspace.root, Glob("**"), stop)) == []


def test_unreadable_folder_is_counted(tmp_path: Path) -> None:
    found = Walk(tmp_path / "gone", Glob("**"), threading.Event())
    assert names(found) == []
    assert found.notes() == ["[Skipped 1 folder that could not be read.]"]
