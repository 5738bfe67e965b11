"""Parts of text files, and files that are never opened."""

from __future__ import annotations

import io
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError
from aloop.tools.files.text_file import (
    LONGEST_LINE,
    MOST_LINES,
    excerpt,
    open_plain,
)
from aloop.tools.files.text_file import (
    MOST_EXCERPT_BYTES as MOST_BYTES,
)


def read(raw: bytes, offset: int = 1, limit: int = MOST_LINES) -> str:
    return excerpt(io.BytesIO(raw), offset, limit, threading.Event())


def test_a_short_text_is_shown_whole_and_without_a_note() -> None:
    assert read("eins\nzwei – drei\n".encode()) == "eins\nzwei – drei"


def test_line_ends_of_windows_are_line_ends() -> None:
    assert read(b"a\r\nb\r\n") == "a\nb"


def test_an_empty_file_is_said_to_be_empty() -> None:
    assert read(b"") == "(the file is empty)"


def test_a_range_is_shown_with_the_offset_to_go_on_at() -> None:
    text = read(b"a\nb\nc\nd\n", offset=2, limit=2)
    assert text == "b\nc\n[Lines 2 to 3. There is more: go on with offset=4.]"
    assert read(b"a\nb\nc\nd\n", offset=4) == "d"


def test_an_offset_behind_the_end_tells_how_many_lines_there_are() -> None:
    with pytest.raises(ToolError, match="only 2 lines"):
        read(b"a\nb\n", offset=3)


def test_a_long_text_is_cut_between_lines() -> None:
    text = read((b"x" * 99 + b"\n") * 5_000)
    assert len(text) < MOST_BYTES + 1_000
    assert "There is more: go on with offset=" in text.splitlines()[-1]


def test_all_parts_together_are_the_file() -> None:
    raw = b"".join(b"%d\n" % number for number in range(10))
    parts = [read(raw, offset, 3).split("\n[")[0] for offset in (1, 4, 7, 10)]
    assert "\n".join(parts).split() == raw.decode().split()


def test_a_long_line_is_cut_with_a_note_and_the_next_one_is_not() -> None:
    first, second, note = read(b"x" * 20_000 + b"\nnext\n").splitlines()
    assert (len(first), second) == (LONGEST_LINE, "next")
    assert note == "[Lines of more than 5,000 bytes are cut.]"


def test_a_line_of_exactly_the_longest_length_is_not_cut() -> None:
    assert read(b"x" * LONGEST_LINE + b"\r\n") == "x" * LONGEST_LINE


def test_a_cut_through_a_character_leaves_no_broken_one() -> None:
    assert "\N{REPLACEMENT CHARACTER}" not in read(("x" + "ü" * LONGEST_LINE).encode())


def test_bytes_that_are_not_utf8_are_replaced_with_a_note() -> None:
    assert read(b"caf\xe9\n") == "caf\ufffd\n[Bytes that are not UTF-8 are shown as \ufffd.]"


def test_work_that_nobody_waits_for_ends_within_a_line() -> None:
    stop = threading.Event()
    stop.set()
    file = io.BytesIO(b"x" * 10_000_000)
    excerpt(file, 1, MOST_LINES, stop)
    assert file.tell() < 100_000


@given(st.binary(max_size=200), st.integers(1, 5), st.integers(1, 5))
def test_any_bytes_make_text(raw: bytes, offset: int, limit: int) -> None:
    with suppress(ToolError):  # the offset may be behind the end
        read(raw, offset, limit).encode()


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    with open_plain(tmp_path / "a.txt", "a.txt") as file:
        assert file.read() == b"hello"


def test_a_binary_file_is_refused_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(ToolError, match="binary file of 6 bytes"):
        open_plain(tmp_path / "a.bin", "a.bin")


def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ToolError, match="no regular file"):
        open_plain(tmp_path / "pipe", "pipe")


def test_a_device_and_a_socket_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for path in (Path("/dev/tty"), Path("/dev/zero"), Path("socket")):
            with pytest.raises(ToolError, match="no regular file"):
                open_plain(path, str(path))


def test_a_link_put_there_after_the_check_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ToolError, match="no regular file"):
        open_plain(tmp_path / "link", "link")


def test_a_folder_is_refused_with_the_tool_that_fits(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="list_files"):
        open_plain(tmp_path, "folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_without_permission_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch(mode=0)
    with pytest.raises(ToolError, match="no permission"):
        open_plain(tmp_path / "a.txt", "a.txt")
