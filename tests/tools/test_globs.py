"""File name patterns, matched a part at a time."""

from __future__ import annotations

import time

import pytest

from aloop.errors import ToolError
from aloop.tools.files.glob import Glob


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
def test_a_pattern_matches(pattern: str, path: str) -> None:
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
def test_a_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


def test_hidden_names_match_when_they_are_asked_for() -> None:
    assert matches("**/*.py", ".config/a.py", hidden=True)


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../*", "~/x"])
def test_a_pattern_that_leaves_its_folder_is_refused(pattern: str) -> None:
    with pytest.raises(ToolError, match="leaves its folder"):
        Glob(pattern)


def test_braces_that_stand_for_too_many_patterns_are_refused() -> None:
    with pytest.raises(ToolError, match="more than 64"):
        Glob("{a,b}" * 20)


def test_whether_anything_below_can_match_is_known() -> None:
    glob = Glob("src/*.py")
    assert glob.goes_on(glob.advance(glob.start, "src"))
    assert not glob.goes_on(glob.advance(glob.advance(glob.start, "src"), "a.py"))
    assert not glob.advance(glob.start, "docs")


def test_stars_in_plenty_do_not_make_a_pattern_slow() -> None:
    began = time.process_time()
    assert not matches("**/" * 200 + "*a" * 30 + "b", "/".join(["a" * 200] * 50))
    assert time.process_time() - began < 5
