"""The fence round the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.errors import ToolError
from aloop.tools.files.workspace import Workspace


@pytest.fixture
def fenced(tmp_path: Path) -> Workspace:
    """A working directory with a file and a folder in it, and a secret beside it."""
    root = tmp_path / "work"
    (root / "src").mkdir(parents=True)
    (root / "notes.txt").write_text("hello")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "work-2").mkdir()
    return Workspace(root)


@pytest.mark.parametrize("text", ["notes.txt", "./notes.txt", "src/../notes.txt", "src//..///notes.txt"])
def test_a_path_inside_is_resolved(fenced: Workspace, text: str) -> None:
    assert fenced.resolve(text) == fenced.root / "notes.txt"


def test_an_absolute_path_inside_is_resolved(fenced: Workspace) -> None:
    assert fenced.resolve(str(fenced.root / "src")) == fenced.root / "src"


def test_the_directory_itself_is_inside(fenced: Workspace) -> None:
    assert fenced.resolve(".") == fenced.root


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
def test_a_path_that_leads_out_is_refused_whether_or_not_it_exists(fenced: Workspace, text: str) -> None:
    with pytest.raises(ToolError, match="outside the working directory"):
        fenced.resolve(text)


def test_a_link_that_leads_out_is_refused(fenced: Workspace) -> None:
    (fenced.root / "way-out").symlink_to("../secret.txt")
    (fenced.root / "folder-out").symlink_to("..")
    for text in ("way-out", "folder-out", "folder-out/secret.txt", "folder-out/absent"):
        with pytest.raises(ToolError, match="outside the working directory"):
            fenced.resolve(text)


def test_a_link_that_stays_inside_is_followed(fenced: Workspace) -> None:
    (fenced.root / "link").symlink_to("notes.txt")
    assert fenced.resolve("link") == fenced.root / "notes.txt"


def test_a_link_in_a_circle_is_refused_and_hides_no_way_out(fenced: Workspace) -> None:
    (fenced.root / "loop").symlink_to("loop")
    (fenced.root / "folder-out").symlink_to("..")
    with pytest.raises(ToolError, match="circle"):
        fenced.resolve("loop")
    with pytest.raises(ToolError):
        fenced.resolve("loop/../folder-out/secret.txt")


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), (" ", "empty"), ("a\0b", "NUL"), ("a/" * 3000, "too long")]
)
def test_text_that_is_no_path_is_refused(fenced: Workspace, text: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        fenced.resolve(text)


def test_an_overlong_name_is_refused(fenced: Workspace) -> None:
    with pytest.raises(ToolError, match="too long a name"):
        fenced.resolve("a" * 300)


def test_a_lone_surrogate_is_refused_like_any_missing_name(fenced: Workspace) -> None:
    with pytest.raises(ToolError, match="There is no"):
        fenced.resolve("a\ud800b")


def test_a_missing_name_is_answered_with_those_near_it(fenced: Workspace) -> None:
    with pytest.raises(ToolError, match=r"There is no 'Note\.txt'.* Did you mean 'notes\.txt'\?"):
        fenced.resolve("Note.txt")


def test_a_file_used_as_a_folder_is_missing(fenced: Workspace) -> None:
    with pytest.raises(ToolError, match="There is no"):
        fenced.resolve("notes.txt/x")


def test_a_home_inside_the_directory_is_inside(fenced: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(fenced.root))
    assert fenced.resolve("~/notes.txt") == fenced.root / "notes.txt"


def test_a_name_that_begins_with_a_tilde_is_a_name(fenced: Workspace) -> None:
    (fenced.root / "~notes").touch()
    assert fenced.resolve("~notes") == fenced.root / "~notes"


def test_the_fence_can_be_taken_down(fenced: Workspace) -> None:
    free = Workspace(fenced.root, allow_outside=True)
    assert free.resolve("../secret.txt") == fenced.root.parent / "secret.txt"
    assert free.show(fenced.root.parent / "secret.txt") == str(fenced.root.parent / "secret.txt")


def test_a_directory_reached_by_a_link_is_taken_at_its_real_place(fenced: Workspace, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(fenced.root)
    assert Workspace(tmp_path / "alias").resolve(str(tmp_path / "alias" / "notes.txt")) == fenced.root / "notes.txt"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_permission_is_said_to_be_one(fenced: Workspace) -> None:
    (fenced.root / "src").chmod(0)
    with pytest.raises(ToolError, match="no permission"):
        fenced.resolve("src/x")
