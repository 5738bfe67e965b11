"""write_file and edit_file: permission requests, preserved properties, refusals."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError
from aloop.llm.content.provenance import FileChange, short_digest
from aloop.llm.message_types import ToolCall
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.tools import ToolRunner
from aloop.tools.approval import PermissionGate
from aloop.tools.base import Action, Tool, ToolResult
from aloop.tools.files.replace import replace_text
from aloop.tools.files.workspace import Workspace
from aloop.tools.files.write import EditFile, WriteFile


@pytest.fixture
def work(workspace: Workspace) -> Path:
    return workspace.root


def temporary_files(folder: Path) -> list[Path]:
    return list(folder.glob(".*.tmp"))


async def prepared(tool: Tool, arguments: Mapping[str, Any]) -> tuple[Action, PermissionRequest]:
    action = await tool.prepare(arguments)
    assert action.request is not None
    return action, action.request


async def written(workspace: Workspace, path: str, content: str) -> str:
    return (await WriteFile(workspace).run({"path": path, "content": content})).text


async def edited(workspace: Workspace, path: str, old: str, new: str, **more: bool) -> str:
    return (await EditFile(workspace).run({"path": path, "old_text": old, "new_text": new, **more})).text


async def test_write_file_creates_missing_folders(workspace: Workspace, work: Path) -> None:
    assert await written(workspace, "new/deep/a.txt", "one\ntwo\n") == "Created new/deep/a.txt (2 lines)."
    assert (work / "new/deep/a.txt").read_text() == "one\ntwo\n"


async def test_result_names_the_changed_file_with_its_digests(workspace: Workspace, work: Path) -> None:
    created = await WriteFile(workspace).run({"path": "a.txt", "content": "one\n"})
    edit = await EditFile(workspace).run({"path": str(work / "a.txt"), "old_text": "one", "new_text": "two"})
    assert created.changes == (FileChange("a.txt", "", short_digest(b"one\n")),)
    assert edit.changes == (FileChange("a.txt", short_digest(b"one\n"), short_digest(b"two\n")),)
    assert (await WriteFile(workspace).run({"path": "a.txt", "content": "two\n"})).changes == ()


async def test_path_with_too_many_new_folders_is_refused(workspace: Workspace, work: Path) -> None:
    with pytest.raises(ToolError, match="would create 500 nested folders, and at most 32 are allowed"):
        await written(workspace, "a/" * 500 + "a.txt", "text")
    assert not (work / "a").exists()
    await written(workspace, "a/" * 32 + "a.txt", "text")
    assert (work / ("a/" * 32)).is_dir()
    await written(workspace, "a/" * 33 + "a.txt", "text")


async def test_result_of_more_than_a_million_lines_is_refused(workspace: Workspace, work: Path) -> None:
    (work / "a.txt").write_text("\n" * 400_000)
    with pytest.raises(ToolError, match="would have 1,200,000 lines, and at most 1,000,000 are allowed"):
        await edited(workspace, "a.txt", "\n", "\n\n\n", replace_all=True)


async def test_request_shows_the_diff_and_nothing_is_written_before_permission(
    workspace: Workspace, work: Path
) -> None:
    action, request = await prepared(WriteFile(workspace), {"path": "README.md", "content": "# A project\nbye\n"})
    assert (request.kinds, request.form) == (("write",), "diff")
    assert request.summary == "write_file README.md (+1 −1)"
    assert request.detail.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " # A project", "-hello world", "+bye"]
    assert (work / "README.md").read_text() == "# A project\nhello world\n"
    result = await action.run(lambda _: None)
    assert (work / "README.md").read_text() == "# A project\nbye\n"
    assert result.text.startswith("Changed README.md: 1 line added, 1 removed.\n--- README.md\n")
    assert result.form == "diff"


async def test_edit_file_replaces_the_text(workspace: Workspace, work: Path) -> None:
    assert "-    print('hello')\n+    print('bye')" in await edited(workspace, "src/app.py", "'hello'", "'bye'")
    assert (work / "src/app.py").read_text() == "def main():\n    print('bye')\n"


async def several(workspace: Workspace, *edits: tuple[str, str]) -> ToolResult:
    """Make several replacements in README.md, as a model would call the tool."""
    pairs = [{"old_text": old, "new_text": new} for old, new in edits]
    arguments = json.dumps({"path": "README.md", "edits": pairs})
    runner = ToolRunner([EditFile(workspace)], PermissionGate(["write"]))
    return await runner.run(ToolCall("call_1", "edit_file", arguments))


async def test_several_edits_are_made_in_order_with_one_diff(workspace: Workspace, work: Path) -> None:
    result = await several(workspace, ("# A project", "# One"), ("hello world", "bye"), ("# One\nbye", "# Two\nbye"))
    assert (work / "README.md").read_text() == "# Two\nbye\n"
    assert result.text.startswith("Changed README.md: 2 lines added, 2 removed.")


async def test_failed_edit_is_named_and_none_is_made(workspace: Workspace, work: Path) -> None:
    result = await several(workspace, ("hello", "bye"), ("absent", "x"))
    assert result.is_error
    assert result.text.startswith("Edit 2 of 2: old_text is not in the file.")
    assert result.text.endswith("None of the edits was made.")
    assert (work / "README.md").read_text() == "# A project\nhello world\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"old_text": "a"}, "The argument `new_text` is missing."),
        ({}, "The argument `old_text` is missing."),
        ({"edits": [{"old_text": "a", "new_text": "b"}], "new_text": "c"}, "Both `edits` and `new_text` were passed"),
        ({"old_text": "     1\t# A project\n     2\thello", "new_text": ""}, "Leave out the numbers"),
    ],
)
async def test_wrong_arguments_of_an_edit_are_explained(
    workspace: Workspace, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ToolError, match=re.escape(complaint)):
        await EditFile(workspace).run({"path": "README.md", **arguments})


async def test_file_changed_before_permission_is_left_alone(workspace: Workspace, work: Path) -> None:
    action, _ = await prepared(EditFile(workspace), {"path": "README.md", "old_text": "hello", "new_text": "bye"})
    (work / "README.md").write_text("# Changed elsewhere\n")
    with pytest.raises(ToolError, match="changed by another program"):
        await action.run(lambda _: None)
    assert (work / "README.md").read_text() == "# Changed elsewhere\n"
    assert not temporary_files(work)


async def test_file_created_before_permission_is_left_alone(workspace: Workspace, work: Path) -> None:
    action, _ = await prepared(WriteFile(workspace), {"path": "new.txt", "content": "mine"})
    (work / "new.txt").write_text("theirs")
    with pytest.raises(ToolError, match="changed by another program"):
        await action.run(lambda _: None)
    assert (work / "new.txt").read_text() == "theirs"


async def test_path_redirected_by_a_new_link_is_not_followed(workspace: Workspace, work: Path) -> None:
    action, _ = await prepared(WriteFile(workspace), {"path": "src/new.txt", "content": "x"})
    (work / "src").rename(work / "old")
    (work / "src").symlink_to("..")
    with pytest.raises(ToolError, match="now leads to another file"):
        await action.run(lambda _: None)
    assert not (work.parent / "new.txt").exists()


async def test_mode_line_ends_and_byte_order_mark_are_kept(workspace: Workspace, work: Path) -> None:
    path = work / "run.bat"
    path.write_bytes(b"\xef\xbb\xbfecho a\r\necho b\r\n")
    path.chmod(0o750)
    await edited(workspace, "run.bat", "echo a\necho b", "echo c\necho d")
    assert path.read_bytes() == b"\xef\xbb\xbfecho c\r\necho d\r\n"
    await written(workspace, "run.bat", "echo e\n")
    assert path.read_bytes() == b"\xef\xbb\xbfecho e\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


async def test_mixed_line_ends_are_kept_and_the_diff_shows_each_change(workspace: Workspace, work: Path) -> None:
    (work / "mixed.txt").write_bytes(b"a\r\nb\nc\r\nd\r\n")
    _, request = await prepared(WriteFile(workspace), {"path": "mixed.txt", "content": "a\nb\nx\nd\n"})
    assert request.detail.split("\n")[3:] == [" a\r", " b", "-c\r", "+x\r", " d\r"]
    await written(workspace, "mixed.txt", "a\nb\nx\nd\n")
    assert (work / "mixed.txt").read_bytes() == b"a\r\nb\nx\r\nd\r\n"
    await edited(workspace, "mixed.txt", "a\nb\nx\n", "a\nb\ny\n")
    assert (work / "mixed.txt").read_bytes() == b"a\r\nb\ny\r\nd\r\n"


async def test_contents_that_are_too_large_are_refused(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="at most 5,000,000 bytes"):
        await written(workspace, "new.txt", "x" * 5_000_001)


async def test_hard_links_are_kept(workspace: Workspace, work: Path) -> None:
    (work / "other.md").hardlink_to(work / "README.md")
    await written(workspace, "README.md", "new\n")
    assert (work / "other.md").read_text() == "new\n"
    assert not temporary_files(work)


async def test_failed_write_restores_a_file_with_hard_links(
    workspace: Workspace, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (work / "README.md").read_bytes()
    (work / "other.md").hardlink_to(work / "README.md")
    real, calls = os.fsync, []

    def full_later(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full_later)
    with pytest.raises(ToolError, match="cannot be written: No space left"):
        await written(workspace, "README.md", "new\n")
    assert (work / "README.md").read_bytes() == before
    assert not temporary_files(work)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has extended attributes in the standard library")
async def test_extended_attributes_are_kept(workspace: Workspace, work: Path) -> None:
    try:
        os.setxattr(work / "README.md", "user.origin", b"a download")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    await written(workspace, "README.md", "new\n")
    assert os.getxattr(work / "README.md", "user.origin") == b"a download"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can set an owner")
async def test_owner_and_group_are_kept(workspace: Workspace, work: Path) -> None:
    os.chown(work / "README.md", 12345, 23456)
    await written(workspace, "README.md", "new\n")
    status = (work / "README.md").stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)


async def test_file_whose_owner_cannot_be_set_is_overwritten(
    workspace: Workspace, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(work / "README.md", 12345, 23456)

    def refuse(*_arguments: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = (work / "README.md").stat()
    monkeypatch.setattr(os, "fchown", refuse)
    await written(workspace, "README.md", "new\n")
    after = (work / "README.md").stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert (work / "README.md").read_text() == "new\n"


@pytest.mark.parametrize("name", ["a\r", "a ", " a", "a  b", "a\n+++ b", "a\u200db"])
async def test_request_quotes_a_name_with_hidden_characters(workspace: Workspace, name: str) -> None:
    _, request = await prepared(WriteFile(workspace), {"path": name, "content": "x\n"})
    assert request.summary == f"write_file {name!r} (new, 1 line)"
    assert request.detail.split("\n")[:2] == ["--- /dev/null", f"+++ {name!r}"]


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127], ids=["ASCII", "UTF-8"])
async def test_longest_name_is_written_and_replaced(workspace: Workspace, work: Path, name: str) -> None:
    await written(workspace, name, "one\n")
    await written(workspace, name, "two\n")
    assert (work / name).read_text() == "two\n"


async def test_new_file_has_the_mode_of_the_umask(workspace: Workspace, work: Path) -> None:
    before = os.umask(0o027)
    try:
        await written(workspace, "new.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((work / "new.txt").stat().st_mode) == 0o640


async def test_link_that_stays_inside_is_kept(workspace: Workspace, work: Path) -> None:
    (work / "link.md").symlink_to("README.md")
    await written(workspace, "link.md", "new\n")
    assert (work / "link.md").is_symlink()
    assert (work / "README.md").read_text() == "new\n"


async def test_unchanged_contents_need_no_permission(workspace: Workspace) -> None:
    action = await WriteFile(workspace).prepare({"path": "README.md", "content": "# A project\nhello world\n"})
    assert action.request is None
    assert "nothing was changed" in (await action.run(lambda _: None)).text


@pytest.mark.parametrize("path", ["src", "src/data.bin", "latin.txt", "socket", "README.md/x", "", "\0"])
async def test_path_that_is_not_a_text_file_is_refused(workspace: Workspace, work: Path, path: str) -> None:
    (work / "latin.txt").write_bytes("für".encode("latin-1"))
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(work)
        listening.bind("socket")
        with pytest.raises(ToolError):
            await written(workspace, path, "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_write_protected_file_is_refused(workspace: Workspace, work: Path) -> None:
    (work / "README.md").chmod(0o444)
    with pytest.raises(ToolError, match="write-protected"):
        await written(workspace, "README.md", "x")


async def test_large_file_is_refused(workspace: Workspace, work: Path) -> None:
    (work / "large.txt").write_bytes(b"x" * 5_000_001)
    with pytest.raises(ToolError, match="too large"):
        await edited(workspace, "large.txt", "x", "y")


async def test_text_with_a_nul_character_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="NUL"):
        await written(workspace, "a.txt", "a\0b")


async def test_editing_a_missing_file_suggests_similar_names(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match=r"Did you mean 'README\.md'"):
        await edited(workspace, "READMEE.md", "a", "b")


async def test_path_outside_needs_a_second_permission(workspace: Workspace, work: Path) -> None:
    _, request = await prepared(WriteFile(workspace), {"path": "../beside.txt", "content": "x"})
    assert request.kinds == ("write", "outside")
    assert str(work.parent / "beside.txt") in request.detail
    everywhere = Workspace(work, allow_outside=True)
    _, request = await prepared(WriteFile(everywhere), {"path": "../beside.txt", "content": "x"})
    assert request.kinds == ("write",)


@pytest.mark.parametrize("path", [".git/hooks/pre-commit", "sub/.git/config", ".GIT/config", ".aloop/sessions/x"])
async def test_git_and_session_folders_count_as_outside(workspace: Workspace, path: str) -> None:
    _, request = await prepared(WriteFile(workspace), {"path": path, "content": "x"})
    assert request.kinds == ("write", "outside")


async def test_git_folder_beside_a_deep_working_directory_counts_as_outside(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    path = str(tmp_path / ".git" / "config")
    _, request = await prepared(WriteFile(Workspace(deep, allow_outside=True)), {"path": path, "content": "x"})
    assert request.kinds == ("write", "outside")


@pytest.mark.parametrize("path", [".config/aloop/permissions", ".local/state/aloop/trust", ".CONFIG/aloop/config.toml"])
async def test_settings_and_trust_of_the_user_are_asked_about_even_if_everything_is_granted(
    private_home: Path, path: str
) -> None:
    asked: list[PermissionRequest] = []

    async def ask(request: PermissionRequest) -> PermissionDecision:
        asked.append(request)
        return PermissionDecision("no")

    gate = PermissionGate(["write", "outside"], ask)
    gate.mode = "edits"
    for workspace in (Workspace(private_home), Workspace(private_home, allow_outside=True)):
        _, request = await prepared(WriteFile(workspace), {"path": path, "content": "allow run id *\n"})
        assert request.kinds == ("write", "outside")
        with pytest.raises(ToolError):
            await gate.require(request)
    assert len(asked) == 2
    with pytest.raises(ToolError, match="nothing else can allow "):
        await PermissionGate(["write", "outside"]).require(request)


async def test_link_that_leads_out_is_refused_with_its_target(workspace: Workspace, work: Path) -> None:
    (work / "out").symlink_to("..")
    (work / "file-out").symlink_to("../beside.txt")
    for path in ("out/beside.txt", "file-out"):
        with pytest.raises(ToolError, match=r"by a link\. Use the path '.*/beside\.txt'"):
            await written(workspace, path, "x")
    assert not (work.parent / "beside.txt").exists()


async def test_failed_write_leaves_the_old_file_and_no_temporary_file(
    workspace: Workspace, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ToolError, match="cannot be written: No space left"):
        await written(workspace, "README.md", "x")
    assert (work / "README.md").read_text() == "# A project\nhello world\n"
    assert not temporary_files(work)


def test_replace_changes_the_only_match() -> None:
    assert replace_text("one\ntwo\nthree\n", "two", "2", "\n") == "one\n2\nthree\n"


def test_replace_takes_patterns_as_plain_text() -> None:
    assert replace_text("a.b a+b", "a+b", r"\1\g<0>", "\n") == r"a.b \1\g<0>"


def test_ambiguous_text_is_refused_with_its_lines() -> None:
    with pytest.raises(ToolError, match=r"2 times \(lines 1, 3\).*replace_all"):
        replace_text("x\ny\nx\n", "x", "z", "\n")
    assert replace_text("x\ny\nx\n", "x", "z", "\n", everywhere=True) == "z\ny\nz\n"


def test_overlapping_matches_are_ambiguous() -> None:
    with pytest.raises(ToolError, match="2 times"):
        replace_text("aaa", "aa", "b", "\n")


def test_missing_text_is_refused_with_the_nearest_line() -> None:
    with pytest.raises(ToolError, match="first line is at line 2"):
        replace_text("if x:\n    go()\n", "go()\nstop()", "", "\n")
    with pytest.raises(ToolError, match=r"not in the file\. Use read_file"):
        replace_text("a\n", "b", "c", "\n")


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("a", "a"), ("a\nb", "a\r\nb")])
def test_replacement_without_effect_is_refused(old: str, new: str) -> None:
    with pytest.raises(ToolError):
        replace_text("a\nb\n", old, new, "\n")


def test_line_ends_match_either_kind_and_keep_the_style_of_the_file() -> None:
    assert replace_text("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", "\r\n") == "x\r\ny\r\nz\r\nc\r\n"
    assert replace_text("a\r\nb\nc\n", "b\nc", "d", "\n") == "a\r\nd\n"


@given(st.text("ab\r\n"), st.text("ab\r\n", min_size=1), st.text("xy"))
def test_replace_keeps_the_surrounding_bytes(before: str, old: str, new: str) -> None:
    old = f"<{old}>".replace("\r", "")
    text = f"{before}{old}{before}"
    assert replace_text(text, old, new, "\n") == f"{before}{new}{before}"
