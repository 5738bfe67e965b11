"""read_file and list_files, inside and outside the working directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aloop.errors import ToolError
from aloop.tools.approval import NOT_NEEDED, PermissionGate
from aloop.tools.files import read as files_module
from aloop.tools.files.read import ListFiles, ReadFile
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace
from tests.memory.test_parts import PIXEL


async def test_read_file_returns_numbered_lines(workspace: Workspace) -> None:
    result = await ReadFile(workspace).run({"path": "src/app.py"})
    assert result.text == "     1\tdef main():\n     2\t    print('hello')"


async def test_read_file_accepts_whole_floats_as_offset_and_limit(workspace: Workspace) -> None:
    result = await ReadFile(workspace).run({"path": "README.md", "offset": 2.0, "limit": 1.0})
    assert result.text == "     2\thello world"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("REDME.md", "Did you mean 'README.md'"),
        ("src", "is a folder"),
        ("src/data.bin", "binary"),
        ("../x", "outside"),
    ],
)
async def test_unreadable_path_raises_a_tool_error(workspace: Workspace, path: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        await ReadFile(workspace).run({"path": path})


async def test_list_files_leaves_out_hidden_names(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({})
    assert result.text.splitlines() == ["README.md", "empty.txt", "node_modules/", "src/"]


async def test_list_files_shows_hidden_names_if_requested(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({"hidden": True})
    assert result.text.splitlines()[:2] == [".env", ".git/"]


async def test_list_files_pattern_matches_at_any_depth(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({"path": "src", "pattern": "**/*.py"})
    assert result.text.splitlines() == ["app.py", "deep/er/util.py"]


async def test_list_files_marks_links_and_escapes_line_breaks(workspace: Workspace) -> None:
    (workspace.root / "src" / "away").symlink_to("/etc")
    (workspace.root / "src" / "two\nlines").touch()
    result = await ListFiles(workspace).run({"path": "src"})
    assert result.text.splitlines() == ["app.py", "away (link)", "data.bin", "deep/", "two\\nlines"]


async def test_list_files_without_a_match_returns_a_message(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({"pattern": "*.zig"})
    assert result.text == "Nothing in '.' matches."


async def test_long_list_is_cut_with_a_note(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "MOST_LISTED", 2)
    result = await ListFiles(workspace).run({})
    assert result.text.splitlines()[2:] == ["[Showing the first 2 of 4 names. Use a narrower pattern to see the rest.]"]


async def test_list_files_refuses_a_file(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="read_file"):
        await ListFiles(workspace).run({"path": "README.md"})


@pytest.fixture
def beside(workspace: Workspace) -> Path:
    """Return a folder next to the working directory, with a file in it."""
    folder = workspace.root.parent / "beside"
    folder.mkdir()
    (folder / "secret.txt").write_text("hello from outside\n")
    return folder


@pytest.mark.parametrize("arguments", [{}, {"path": "src"}, {"path": "."}])
async def test_path_inside_needs_no_permission(workspace: Workspace, arguments: Mapping[str, Any]) -> None:
    request = (await ListFiles(workspace).prepare(arguments)).request
    assert request
    assert request.kinds == ()
    assert await PermissionGate().require(request) is NOT_NEEDED


async def test_path_outside_asks_for_permission_with_the_real_path(workspace: Workspace, beside: Path) -> None:
    (workspace.root / "link").symlink_to("../beside/secret.txt")
    for path in ("../beside/secret.txt", "link", str(beside / "secret.txt")):
        action = await ReadFile(workspace).prepare({"path": path})
        assert action.request is not None
        assert action.request.kinds == ("outside",)
        assert action.request.detail == str(beside / "secret.txt")
        assert (await action.run(lambda _: None)).text.endswith("\thello from outside")


async def test_path_outside_is_not_checked_before_permission(workspace: Workspace) -> None:
    action = await ReadFile(workspace).prepare({"path": "../absent"})
    assert action.request is not None
    with pytest.raises(ToolError, match="does not exist"):
        await action.run(lambda _: None)


async def test_permitted_folder_can_be_listed_and_searched(workspace: Workspace, beside: Path) -> None:
    listing = await ListFiles(workspace).prepare({"path": "../beside"})
    assert (await listing.run(lambda _: None)).text == "secret.txt"
    search = await SearchFiles(workspace).prepare({"path": "../beside", "pattern": "hello"})
    assert "secret.txt:1: hello from outside" in (await search.run(lambda _: None)).text


async def test_permission_covers_only_the_path_that_was_shown(workspace: Workspace, beside: Path) -> None:
    (workspace.root / "link").symlink_to("../beside/secret.txt")
    action = await ReadFile(workspace).prepare({"path": "link"})
    (beside / "other.txt").write_text("not this one")
    (workspace.root / "link").unlink()
    (workspace.root / "link").symlink_to("../beside/other.txt")
    with pytest.raises(ToolError, match="outside the working directory"):
        await action.run(lambda _: None)


async def test_read_file_returns_an_image_as_it_is(workspace: Workspace) -> None:
    (workspace.root / "dot.png").write_bytes(PIXEL.data)
    result = await ReadFile(workspace).run({"path": "dot.png"})
    assert result.media == (PIXEL,)
    assert result.text == f"dot.png (image/png, {len(PIXEL.data)} bytes)"
