"""Looking outside the working directory: asked for by its real path, and allowed for just that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aloop.errors import ToolError
from aloop.tools.files.read import ListFiles, ReadFile
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace


@pytest.fixture
def beside(workspace: Workspace) -> Path:
    """A folder beside the working directory, with a file in it."""
    folder = workspace.root.parent / "beside"
    folder.mkdir()
    (folder / "secret.txt").write_text("hello from outside\n")
    return folder


@pytest.mark.parametrize("arguments", [{}, {"path": "src"}, {"path": "."}])
async def test_inside_nothing_is_asked(workspace: Workspace, arguments: Mapping[str, Any]) -> None:
    assert (await ListFiles(workspace).prepare(arguments)).request is None


async def test_outside_is_asked_with_the_real_path(workspace: Workspace, beside: Path) -> None:
    (workspace.root / "link").symlink_to("../beside/secret.txt")
    for path in ("../beside/secret.txt", "link", str(beside / "secret.txt")):
        action = await ReadFile(workspace).prepare({"path": path})
        assert action.request is not None
        assert action.request.kinds == ("outside",)
        assert action.request.detail == str(beside / "secret.txt")
        assert (await action.run(lambda _: None)).text == "hello from outside"


async def test_whether_something_is_there_is_not_told_before_the_answer(workspace: Workspace) -> None:
    action = await ReadFile(workspace).prepare({"path": "../absent"})
    assert action.request is not None
    with pytest.raises(ToolError, match="There is no"):
        await action.run(lambda _: None)


async def test_a_folder_that_is_allowed_can_be_listed_and_searched(workspace: Workspace, beside: Path) -> None:
    listing = await ListFiles(workspace).prepare({"path": "../beside"})
    assert (await listing.run(lambda _: None)).text == "secret.txt"
    search = await SearchFiles(workspace).prepare({"path": "../beside", "pattern": "hello"})
    assert "secret.txt:1: hello from outside" in (await search.run(lambda _: None)).text


async def test_what_was_allowed_is_the_path_that_was_shown(workspace: Workspace, beside: Path) -> None:
    (workspace.root / "link").symlink_to("../beside/secret.txt")
    action = await ReadFile(workspace).prepare({"path": "link"})
    (beside / "other.txt").write_text("not this one")
    (workspace.root / "link").unlink()
    (workspace.root / "link").symlink_to("../beside/other.txt")
    with pytest.raises(ToolError, match="outside the working directory"):
        await action.run(lambda _: None)
