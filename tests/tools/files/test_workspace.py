"""The boundary of the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.errors import ToolError
from aloop.tools.files.workspace import Workspace


@pytest.fixture
def bounded(tmp_path: Path) -> Workspace:
    """Return a working directory with a file and a folder, next to a secret file."""
    root = tmp_path / "work"
    (root / "src").mkdir(parents=True)
    (root / "notes.txt").write_text("hello")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "work-2").mkdir()
    return Workspace(root)


@pytest.mark.parametrize("text", ["notes.txt", "./notes.txt", "src/../notes.txt", "src//..///notes.txt"])
def test_path_inside_is_resolved(bounded: Workspace, text: str) -> None:
    assert bounded.resolve(text) == bounded.root / "notes.txt"


def test_absolute_path_inside_is_resolved(bounded: Workspace) -> None:
    assert bounded.resolve(str(bounded.root / "src")) == bounded.root / "src"


def test_directory_itself_is_inside(bounded: Workspace) -> None:
    assert bounded.resolve(".") == bounded.root


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "../secret.txt",
        "src/../../secret.txt",
        "/etc/passwd",
        "/",
        "~",
        "~/x",
        "~root/x",
        "../work-2",
        "../absent",
    ],
)
def test_path_that_leads_out_is_refused_even_if_missing(bounded: Workspace, text: str) -> None:
    with pytest.raises(ToolError, match="outside the working directory"):
        bounded.resolve(text)


def test_link_that_leads_out_is_refused(bounded: Workspace) -> None:
    (bounded.root / "way-out").symlink_to("../secret.txt")
    (bounded.root / "folder-out").symlink_to("..")
    for text in ("way-out", "folder-out", "folder-out/secret.txt", "folder-out/absent"):
        with pytest.raises(ToolError, match="outside the working directory"):
            bounded.resolve(text)


def test_link_that_stays_inside_is_followed(bounded: Workspace) -> None:
    (bounded.root / "link").symlink_to("notes.txt")
    assert bounded.resolve("link") == bounded.root / "notes.txt"


def test_circular_link_is_refused_and_hides_no_escape(bounded: Workspace) -> None:
    (bounded.root / "loop").symlink_to("loop")
    (bounded.root / "folder-out").symlink_to("..")
    with pytest.raises(ToolError, match="back to itself"):
        bounded.resolve("loop")
    with pytest.raises(ToolError):
        bounded.resolve("loop/../folder-out/secret.txt")


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), (" ", "empty"), ("a\0b", "NUL"), ("a/" * 3000, "too long")]
)
def test_invalid_path_is_refused(bounded: Workspace, text: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        bounded.resolve(text)


def test_overlong_name_is_refused(bounded: Workspace) -> None:
    with pytest.raises(ToolError, match="too long for a file name"):
        bounded.resolve("a" * 300)


def test_lone_surrogate_is_refused_as_a_missing_name(bounded: Workspace) -> None:
    with pytest.raises(ToolError, match="does not exist"):
        bounded.resolve("a\ud800b")


def test_missing_name_suggests_similar_names(bounded: Workspace) -> None:
    with pytest.raises(ToolError, match=r"'Note\.txt' does not exist\. Did you mean 'notes\.txt'\?"):
        bounded.resolve("Note.txt")


def test_path_below_a_file_does_not_exist(bounded: Workspace) -> None:
    with pytest.raises(ToolError, match="does not exist"):
        bounded.resolve("notes.txt/x")


def test_home_inside_the_directory_is_inside(bounded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(bounded.root))
    assert bounded.resolve("~/notes.txt") == bounded.root / "notes.txt"


def test_name_that_begins_with_a_tilde_is_a_file_name(bounded: Workspace) -> None:
    (bounded.root / "~notes").touch()
    assert bounded.resolve("~notes") == bounded.root / "~notes"


def test_allow_outside_removes_the_boundary(bounded: Workspace) -> None:
    free = Workspace(bounded.root, allow_outside=True)
    assert free.resolve("../secret.txt") == bounded.root.parent / "secret.txt"
    assert free.show(bounded.root.parent / "secret.txt") == str(bounded.root.parent / "secret.txt")


def test_root_reached_by_a_link_is_resolved(bounded: Workspace, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(bounded.root)
    assert Workspace(tmp_path / "alias").resolve(str(tmp_path / "alias" / "notes.txt")) == bounded.root / "notes.txt"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_refused(bounded: Workspace) -> None:
    (bounded.root / "src").chmod(0)
    with pytest.raises(ToolError, match="Permission denied"):
        bounded.resolve("src/x")
