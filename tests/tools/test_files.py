"""read_file and list_files."""

from __future__ import annotations

import pytest

from aloop.errors import ToolError
from aloop.tools.files import read as files_module
from aloop.tools.files.read import ListFiles, ReadFile
from aloop.tools.files.workspace import Workspace


async def test_a_file_is_read(workspace: Workspace) -> None:
    result = await ReadFile(workspace).run({"path": "src/app.py"})
    assert result.text == "def main():\n    print('hello')"


async def test_a_range_of_lines_is_read_also_when_json_made_the_numbers_fractions(workspace: Workspace) -> None:
    result = await ReadFile(workspace).run({"path": "README.md", "offset": 2.0, "limit": 1.0})
    assert result.text == "hello world"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("REDME.md", "Did you mean 'README.md'"),
        ("src", "is a folder"),
        ("src/data.bin", "binary"),
        ("../x", "outside"),
    ],
)
async def test_what_can_not_be_read_is_a_tool_error(workspace: Workspace, path: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        await ReadFile(workspace).run({"path": path})


async def test_a_folder_is_listed_without_hidden_names(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({})
    assert result.text.splitlines() == ["README.md", "empty.txt", "node_modules/", "src/"]


async def test_hidden_names_are_listed_when_asked_for(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({"hidden": True})
    assert result.text.splitlines()[:2] == [".env", ".git/"]


async def test_a_pattern_finds_files_at_any_depth(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({"path": "src", "pattern": "**/*.py"})
    assert result.text.splitlines() == ["app.py", "deep/er/util.py"]


async def test_links_and_odd_names_are_shown_for_what_they_are(workspace: Workspace) -> None:
    (workspace.root / "src" / "away").symlink_to("/etc")
    (workspace.root / "src" / "two\nlines").touch()
    result = await ListFiles(workspace).run({"path": "src"})
    assert result.text.splitlines() == ["app.py", "away (link)", "data.bin", "deep/", "two\\nlines"]


async def test_nothing_to_list_is_said_in_words(workspace: Workspace) -> None:
    result = await ListFiles(workspace).run({"pattern": "*.zig"})
    assert result.text == "Nothing in '.' matches."


async def test_a_long_list_is_cut_with_its_count(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "MOST_LISTED", 2)
    result = await ListFiles(workspace).run({})
    assert result.text.splitlines()[2:] == ["[The first 2 of 4: a narrower pattern shows the rest.]"]


async def test_a_file_is_no_folder_to_list(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="read_file"):
        await ListFiles(workspace).run({"path": "README.md"})
