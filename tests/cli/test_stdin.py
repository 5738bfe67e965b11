"""Piped text for a task, and pipes that no process writes to."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aloop.cli.stdin import LIMIT, read_piped, read_task, with_piped
from aloop.errors import UsageError

AT_ONCE = {"patience": 0.0, "notice_after": 0.0}


class Pipe:
    """A pipe whose write end the test holds."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader = os.fdopen(reader, "rb", buffering=0)
        self.writer = os.fdopen(writer, "wb", buffering=0)

    @property
    def fd(self) -> int:
        return self.reader.fileno()

    def end_with(self, data: bytes) -> None:
        """Write a few bytes and close the pipe."""
        self.writer.write(data)
        self.writer.close()

    def pour(self, data: bytes) -> None:
        """Write more than a pipe can buffer and close it, while the test reads."""

        def write() -> None:
            with contextlib.suppress(BrokenPipeError), self.writer:
                view = memoryview(data)
                while view:
                    view = view[self.writer.write(view) :]

        threading.Thread(target=write).start()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    with pipe.reader, pipe.writer:
        yield pipe


@pytest.fixture
def notices() -> list[str]:
    return []


def test_piped_text_is_read_to_its_end(pipe: Pipe, notices: list[str]) -> None:
    pipe.pour(b"line\n" * 30_000)
    assert read_piped(pipe.fd, notices.append) == "line\n" * 30_000
    assert notices == []


def test_closed_pipe_gives_no_text(pipe: Pipe, notices: list[str]) -> None:
    pipe.writer.close()
    assert read_piped(pipe.fd, notices.append) == ""
    assert notices == []


def test_idle_pipe_is_abandoned_with_a_notice(pipe: Pipe, notices: list[str]) -> None:
    assert read_piped(pipe.fd, notices.append, **AT_ONCE) == ""
    assert "< /dev/null" in notices[0]
    assert "without it" in notices[1]


def test_text_after_the_first_notice_is_read(pipe: Pipe, notices: list[str]) -> None:
    def notify(sentence: str) -> None:
        notices.append(sentence)
        pipe.end_with(b"late")

    assert read_piped(pipe.fd, notify, patience=60.0, notice_after=0.0) == "late"
    assert len(notices) == 1


def test_pause_within_piped_text_gives_one_notice_and_loses_nothing(pipe: Pipe, notices: list[str]) -> None:
    pipe.writer.write(b"first ")

    def notify(sentence: str) -> None:
        notices.append(sentence)
        pipe.end_with(b"second")

    assert read_piped(pipe.fd, notify, patience=60.0, notice_after=0.0) == "first second"
    assert [sentence for sentence in notices if "to end" in sentence] == notices
    assert len(notices) == 1


def test_regular_file_is_read(tmp_path: Path, notices: list[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("from a file\n")
    with path.open() as stream:
        assert read_piped(stream.fileno(), notices.append) == "from a file\n"


def test_null_device_gives_no_text(notices: list[str]) -> None:
    with Path(os.devnull).open() as stream:
        assert read_piped(stream.fileno(), notices.append) == ""


def test_socket_is_read_like_a_pipe(notices: list[str]) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(b"for us")
        assert read_piped(ours.fileno(), notices.append) == "for us"


def test_idle_socket_is_abandoned_with_a_notice(notices: list[str]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert read_piped(ours.fileno(), notices.append, patience=0.02, notice_after=0.01) == ""
    assert len(notices) == 2


def test_unconnected_socket_gives_no_text(notices: list[str]) -> None:
    with socket.socket() as ours:
        assert read_piped(ours.fileno(), notices.append) == ""


def test_terminal_is_not_read(notices: list[str]) -> None:
    master, slave = os.openpty()
    try:
        assert read_piped(slave, notices.append) == ""
    finally:
        os.close(master)
        os.close(slave)


def test_invalid_utf_8_is_replaced(pipe: Pipe, notices: list[str]) -> None:
    pipe.end_with(b"caf\xe9")
    assert read_piped(pipe.fd, notices.append) == "caf\N{REPLACEMENT CHARACTER}"


def test_binary_data_is_refused(pipe: Pipe, notices: list[str]) -> None:
    pipe.end_with(b"\x7fELF\x02\x01\x01\0")
    with pytest.raises(UsageError, match="binary: it contains NUL bytes"):
        read_piped(pipe.fd, notices.append)


def test_byte_order_mark_is_dropped(pipe: Pipe, notices: list[str]) -> None:
    pipe.end_with(b"\xef\xbb\xbfhello")
    assert read_piped(pipe.fd, notices.append) == "hello"


def test_text_over_the_limit_is_a_usage_error(pipe: Pipe, notices: list[str]) -> None:
    pipe.pour(b"x" * (LIMIT + 1))
    with pytest.raises(UsageError, match="longer than 1024 KiB"):
        read_piped(pipe.fd, notices.append)


def test_text_of_exactly_the_limit_is_read(pipe: Pipe, notices: list[str]) -> None:
    pipe.pour(b"x" * LIMIT)
    assert len(read_piped(pipe.fd, notices.append)) == LIMIT


def test_read_task_returns_all_of_standard_input(pipe: Pipe) -> None:
    pipe.end_with(b"\nWhat is 2+2?\n")
    assert read_task(pipe.fd) == "What is 2+2?"


def test_read_task_rejects_empty_input(pipe: Pipe) -> None:
    pipe.end_with(b" \n")
    with pytest.raises(UsageError, match="standard input, which is empty"):
        read_task(pipe.fd)


def test_piped_text_follows_the_task() -> None:
    assert with_piped("Sum this up:", "one\n  two\n") == "Sum this up:\n\none\n  two"


def test_blank_piped_text_is_dropped() -> None:
    assert with_piped("Sum this up:", " \n") == "Sum this up:"
