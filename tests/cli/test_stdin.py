"""Text on standard input, and pipes that nobody writes to."""

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
    """A pipe of which the test holds the end that writes."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader = os.fdopen(reader, "rb", buffering=0)
        self.writer = os.fdopen(writer, "wb", buffering=0)

    @property
    def fd(self) -> int:
        return self.reader.fileno()

    def end_with(self, data: bytes) -> None:
        """Write a few bytes, then the end."""
        self.writer.write(data)
        self.writer.close()

    def pour(self, data: bytes) -> None:
        """Write more than a pipe holds, then the end, while the test reads."""

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
def told() -> list[str]:
    return []


def test_piped_text_is_read_to_its_end(pipe: Pipe, told: list[str]) -> None:
    pipe.pour(b"line\n" * 30_000)
    assert read_piped(pipe.fd, told.append) == "line\n" * 30_000
    assert told == []


def test_a_pipe_that_is_closed_at_once_brings_no_text(pipe: Pipe, told: list[str]) -> None:
    pipe.writer.close()
    assert read_piped(pipe.fd, told.append) == ""
    assert told == []


def test_an_idle_inherited_pipe_is_left_alone_and_that_is_said(pipe: Pipe, told: list[str]) -> None:
    assert read_piped(pipe.fd, told.append, **AT_ONCE) == ""
    assert "< /dev/null" in told[0]
    assert "without it" in told[1]


def test_a_first_byte_after_the_notice_is_still_waited_for(pipe: Pipe, told: list[str]) -> None:
    def tell(sentence: str) -> None:
        told.append(sentence)
        pipe.end_with(b"late")

    assert read_piped(pipe.fd, tell, patience=60.0, notice_after=0.0) == "late"
    assert len(told) == 1


def test_a_pause_after_the_first_byte_loses_nothing_and_is_said_once(pipe: Pipe, told: list[str]) -> None:
    pipe.writer.write(b"first ")

    def tell(sentence: str) -> None:
        told.append(sentence)
        pipe.end_with(b"second")

    assert read_piped(pipe.fd, tell, patience=60.0, notice_after=0.0) == "first second"
    assert [sentence for sentence in told if "to end" in sentence] == told
    assert len(told) == 1


def test_a_regular_file_is_read(tmp_path: Path, told: list[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("from a file\n")
    with path.open() as stream:
        assert read_piped(stream.fileno(), told.append) == "from a file\n"


def test_the_null_device_brings_no_text(told: list[str]) -> None:
    with Path(os.devnull).open() as stream:
        assert read_piped(stream.fileno(), told.append) == ""


def test_an_inherited_socket_is_never_read(told: list[str]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"not for us")
        assert read_piped(ours.fileno(), told.append) == ""


def test_a_terminal_is_never_read(told: list[str]) -> None:
    master, slave = os.openpty()
    try:
        assert read_piped(slave, told.append) == ""
    finally:
        os.close(master)
        os.close(slave)


def test_bytes_that_are_no_utf_8_are_replaced(pipe: Pipe, told: list[str]) -> None:
    pipe.end_with(b"caf\xe9")
    assert read_piped(pipe.fd, told.append) == "caf\N{REPLACEMENT CHARACTER}"


def test_a_byte_order_mark_is_no_text(pipe: Pipe, told: list[str]) -> None:
    pipe.end_with(b"\xef\xbb\xbfhello")
    assert read_piped(pipe.fd, told.append) == "hello"


def test_text_beyond_the_limit_is_refused_with_what_to_do(pipe: Pipe, told: list[str]) -> None:
    pipe.pour(b"x" * (LIMIT + 1))
    with pytest.raises(UsageError, match="longer than 1024 KiB"):
        read_piped(pipe.fd, told.append)


def test_text_just_within_the_limit_is_taken(pipe: Pipe, told: list[str]) -> None:
    pipe.pour(b"x" * LIMIT)
    assert len(read_piped(pipe.fd, told.append)) == LIMIT


def test_the_whole_of_standard_input_can_be_the_task(pipe: Pipe) -> None:
    pipe.end_with(b"\nWhat is 2+2?\n")
    assert read_task(pipe.fd) == "What is 2+2?"


def test_an_empty_task_is_refused(pipe: Pipe) -> None:
    pipe.end_with(b" \n")
    with pytest.raises(UsageError, match="no text on standard input"):
        read_task(pipe.fd)


def test_piped_text_stands_below_the_task() -> None:
    assert with_piped("Sum this up:", "one\n  two\n") == "Sum this up:\n\none\n  two"


def test_blank_piped_text_leaves_the_task_alone() -> None:
    assert with_piped("Sum this up:", " \n") == "Sum this up:"
