"""Excerpts of text files, and the files that are never opened."""

from __future__ import annotations

import io
import os
import re
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
    """Return an excerpt without the line numbers."""
    numbered = excerpt(io.BytesIO(raw), offset, limit, threading.Event())
    return re.sub(r"^ *\d+\t", "", numbered, flags=re.MULTILINE)


def test_lines_are_numbered_from_the_offset() -> None:
    assert excerpt(io.BytesIO(b"a\n\nc\n"), 2, 9, threading.Event()) == "     2\t\n     3\tc"


def test_short_text_is_returned_whole_without_a_note() -> None:
    assert read("eins\nzwei – drei\n".encode()) == "eins\nzwei – drei"


def test_crlf_is_a_line_end() -> None:
    assert read(b"a\r\nb\r\n") == "a\nb"


def test_empty_file_returns_a_message() -> None:
    assert read(b"") == "(the file is empty)"


def test_excerpt_ends_with_the_offset_to_continue_at() -> None:
    text = read(b"a\nb\nc\nd\n", offset=2, limit=2)
    assert text == "b\nc\n[Lines 2 to 3. There is more: continue with offset=4.]"
    assert read(b"a\nb\nc\nd\n", offset=4) == "d"


def test_offset_past_the_end_raises_with_the_number_of_lines() -> None:
    with pytest.raises(ToolError, match="only 2 lines"):
        read(b"a\nb\n", offset=3)


def test_long_text_is_cut_between_lines() -> None:
    text = read((b"x" * 99 + b"\n") * 5_000)
    assert len(text) < MOST_BYTES + 1_000
    assert "There is more: continue with offset=" in text.splitlines()[-1]


def test_consecutive_excerpts_cover_the_whole_file() -> None:
    raw = b"".join(b"%d\n" % number for number in range(10))
    parts = [read(raw, offset, 3).split("\n[")[0] for offset in (1, 4, 7, 10)]
    assert "\n".join(parts).split() == raw.decode().split()


def test_only_the_long_line_is_cut_with_a_note() -> None:
    first, second, note = read(b"x" * 20_000 + b"\nnext\n").splitlines()
    assert (len(first), second) == (LONGEST_LINE, "next")
    assert note == "[Lines longer than 5,000 bytes are cut.]"


def test_line_of_exactly_the_limit_is_not_cut() -> None:
    assert read(b"x" * LONGEST_LINE + b"\r\n") == "x" * LONGEST_LINE


def test_cut_line_ends_with_a_whole_character() -> None:
    assert "\N{REPLACEMENT CHARACTER}" not in read(("x" + "ü" * LONGEST_LINE).encode())


def test_invalid_utf8_is_replaced_with_a_note() -> None:
    assert read(b"caf\xe9\n") == "caf\ufffd\n[Bytes that are not UTF-8 are shown as \ufffd.]"


def test_excerpt_stops_within_a_line_when_told_to() -> None:
    stop = threading.Event()
    stop.set()
    file = io.BytesIO(b"x" * 10_000_000)
    excerpt(file, 1, MOST_LINES, stop)
    assert file.tell() < 100_000


@given(st.binary(max_size=200), st.integers(1, 5), st.integers(1, 5))
def test_excerpt_of_any_bytes_is_text(raw: bytes, offset: int, limit: int) -> None:
    with suppress(ToolError):  # the offset may be past the end
        read(raw, offset, limit).encode()


def test_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    with open_plain(tmp_path / "a.txt", "a.txt") as file:
        assert file.read() == b"hello"


def test_binary_file_is_refused_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(ToolError, match="binary file of 6 bytes"):
        open_plain(tmp_path / "a.bin", "a.bin")


def test_pipe_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ToolError, match="not a regular file"):
        open_plain(tmp_path / "pipe", "pipe")


def test_devices_and_sockets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket addresses must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for path in (Path("/dev/tty"), Path("/dev/zero"), Path("socket")):
            with pytest.raises(ToolError, match="not a regular file"):
                open_plain(path, str(path))


def test_link_created_after_the_check_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ToolError, match="not a regular file"):
        open_plain(tmp_path / "link", "link")


def test_folder_is_refused_with_a_hint_at_list_files(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="list_files"):
        open_plain(tmp_path, "folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch(mode=0)
    with pytest.raises(ToolError, match="Permission denied"):
        open_plain(tmp_path / "a.txt", "a.txt")
