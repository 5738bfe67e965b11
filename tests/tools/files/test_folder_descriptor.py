"""Folders that are opened without following links."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aloop.tools.files import folder_descriptor
from aloop.tools.files.folder_descriptor import opened_folder
from tests.reliability.swaps import count_escapes


@pytest.fixture(params=["openat2", "steps"])
def opener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to open a folder: with one system call, and step by step."""
    if request.param == "steps":
        monkeypatch.setattr(folder_descriptor, "_openat2", lambda: None)
    return str(request.param)


def test_folder_is_opened(opener: str, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with opened_folder(tmp_path / "a", to_list=True) as folder:
        assert os.listdir(folder) == ["b"]  # noqa: PTH208  # of a descriptor


@pytest.mark.parametrize("path", ["link", "link/b", "a/inner", "a/inner/c"])
def test_link_anywhere_on_the_path_is_not_followed(opener: str, tmp_path: Path, path: str) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "a" / "inner").symlink_to("b")
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"), opened_folder(tmp_path / path):
        pass


def test_missing_folders_are_created_only_on_request(opener: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened_folder(tmp_path / "a" / "b"):
        pass
    with opened_folder(tmp_path / "a" / "b", create=True):
        assert (tmp_path / "a" / "b").is_dir()


def test_folder_deeper_than_the_longest_path_is_opened(opener: str, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x" * 200] * 25)
    with opened_folder(deep, create=True) as folder:
        os.mkdir("end", dir_fd=folder)
    with opened_folder(deep, to_list=True) as folder:
        assert os.listdir(folder) == ["end"]  # noqa: PTH208  # of a descriptor


needs_exchange = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can exchange two names at once")


@needs_exchange
@pytest.mark.parametrize(("tool", "tries"), [("read_file", 1_500), ("list_files", 800), ("write_file", 800)])
def test_swapped_folder_never_leads_a_tool_out(opener: str, tool: str, tries: int, tmp_path: Path) -> None:
    succeeded, escaped = count_escapes(tool, tmp_path, tries)
    assert succeeded
    assert not escaped


@needs_exchange
def test_swapped_folder_never_leads_the_search_out(tmp_path: Path) -> None:
    assert count_escapes("search_files", tmp_path, 25)[1] == 0
