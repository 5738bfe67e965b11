"""The index: a cache of session IDs that is ignored when it is invalid."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from aloop.memory.sessions_dir.index import FILE_NAME, add_to_index, read_index, write_index
from tests.memory.examples import ID, OTHER_ID
from tests.memory.faults import FaultyFileSystem

FOLDER = "2025-01-31_a1b2c3d4"


@pytest.fixture
def header(fs: FaultyFileSystem, tmp_path: Path) -> str:
    """The first line of a valid index."""
    write_index(fs, tmp_path, {})
    return (tmp_path / FILE_NAME).read_text()


@pytest.mark.parametrize(
    "folder", [FOLDER, "my notes", 'a"b', "back\\slash", "é🎈", "a: b", os.fsdecode(b"\xff"), "x\ny"]
)
def test_index_holds_any_folder_name(fs: FaultyFileSystem, tmp_path: Path, folder: str) -> None:
    ids = {folder: ID, "2025-02-01_e5f6a7b8": OTHER_ID}
    write_index(fs, tmp_path, ids)
    assert read_index(fs, tmp_path) == ids


def test_add_to_index_appends_a_session(fs: FaultyFileSystem, tmp_path: Path) -> None:
    add_to_index(fs, tmp_path, FOLDER, ID)
    add_to_index(fs, tmp_path, "other", OTHER_ID)
    assert read_index(fs, tmp_path) == {FOLDER: ID, "other": OTHER_ID}


def test_index_is_yaml_that_maps_ids_to_folders(fs: FaultyFileSystem, tmp_path: Path) -> None:
    write_index(fs, tmp_path, {FOLDER: ID, "my notes": OTHER_ID})
    assert yaml.safe_load((tmp_path / FILE_NAME).read_bytes()) == {ID: FOLDER, OTHER_ID: "my notes"}


def test_missing_index_is_none(fs: FaultyFileSystem, tmp_path: Path) -> None:
    assert read_index(fs, tmp_path) is None
    assert read_index(fs, tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "lines",
    [
        f"{ID}: ../../../home\n",
        f"{ID}: /etc\n",
        f'{ID}: "../outside"\n',
        f'{ID}: "/etc"\n',
        f'{ID}: ".."\n',
        f'{ID}: ".trash"\n',
        f'{ID}: ""\n',
        f'{ID}: "\\x"\n',
        f"{ID}: [{FOLDER}]\n",
        f"{ID}: null\n",
        f"{ID}: {FOLDER}",
        f"{ID[:8]}: {FOLDER}\n",
        f"{ID.upper()}: {FOLDER}\n",
        f"{ID}: {FOLDER}\n\n",
        f"- {ID}\n",
        "[]\n",
        "null\n",
        "\x07\n",
    ],
)
def test_index_with_an_invalid_line_is_none(fs: FaultyFileSystem, tmp_path: Path, header: str, lines: str) -> None:
    (tmp_path / FILE_NAME).write_text(f"{header}{OTHER_ID}: 2025-02-01_e5f6a7b8\n{lines}")
    assert read_index(fs, tmp_path) is None


@pytest.mark.parametrize("data", [b"", b"# mine\n", b"\xff\xfe\x00", f"{ID}: {FOLDER}\n".encode()])
def test_file_without_the_index_header_is_none(fs: FaultyFileSystem, tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(data)
    assert read_index(fs, tmp_path) is None


def test_truncated_index_is_none_or_has_correct_entries(fs: FaultyFileSystem, tmp_path: Path) -> None:
    ids = {FOLDER: ID, "my notes": OTHER_ID}
    write_index(fs, tmp_path, ids)
    data = (tmp_path / FILE_NAME).read_bytes()
    for length in range(len(data)):
        (tmp_path / FILE_NAME).write_bytes(data[:length])
        assert (read_index(fs, tmp_path) or {}).items() <= ids.items()


def test_index_that_is_a_link_is_not_followed(fs: FaultyFileSystem, tmp_path: Path) -> None:
    sessions, outside = tmp_path / "sessions", tmp_path / "outside"
    sessions.mkdir()
    write_index(fs, tmp_path, {FOLDER: ID})
    (tmp_path / FILE_NAME).rename(outside)
    (sessions / FILE_NAME).symlink_to(outside)
    before = outside.read_bytes()
    assert read_index(fs, sessions) is None
    add_to_index(fs, sessions, "new", OTHER_ID)
    assert outside.read_bytes() == before


@pytest.mark.parametrize("call", ["create", "write", "replace", "open_append"])
def test_disk_errors_leave_a_valid_index_or_none(fs: FaultyFileSystem, tmp_path: Path, call: str) -> None:
    write_index(fs, tmp_path, {FOLDER: ID})
    before = (tmp_path / FILE_NAME).read_bytes()
    fs.fail(call)
    write_index(fs, tmp_path, {})
    add_to_index(fs, tmp_path, "other", OTHER_ID)
    fs.heal()
    assert (
        (tmp_path / FILE_NAME).read_bytes().startswith(before)
        or read_index(fs, tmp_path) == {"other": OTHER_ID}
        or (read_index(fs, tmp_path) == {})
    )
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
