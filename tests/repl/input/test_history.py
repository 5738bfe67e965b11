"""Tests of the input history and its file."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repl.input.history import KEPT, LONGEST, HistoryFile, InputHistory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "aloop" / "history"


def test_missing_file_reads_as_an_empty_history(path: Path) -> None:
    assert HistoryFile(path).read() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), min_size=1))
def test_every_entry_is_read_as_it_was_written(path: Path, entry: str) -> None:
    HistoryFile(path).append(entry)
    assert HistoryFile(path).read()[-1] == entry


def test_history_file_and_its_folder_are_private(path: Path) -> None:
    HistoryFile(path).append("secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_append_makes_a_readable_file_private(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('"old"\n')
    path.chmod(0o644)
    HistoryFile(path).append("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_invalid_lines_are_skipped(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b'"one"\nnot json\n\xff\xfe\n{"a": 1}\n\n"two"\n')
    assert HistoryFile(path).read() == ["one", "two"]


@pytest.mark.parametrize("torn", ['"torn', '"old"\n"torn', '"old"'])
def test_entry_after_an_incomplete_line_is_kept(path: Path, torn: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(torn)
    HistoryFile(path).append("new")
    HistoryFile(path).append("newer")
    assert HistoryFile(path).read()[-2:] == ["new", "newer"]
    assert ("old" in HistoryFile(path).read()) == ('"old"' in torn)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EPERM])
def test_entries_are_kept_without_locks_and_modes(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(descriptor: int, value: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", fail)
    monkeypatch.setattr("os.fchmod", fail)
    HistoryFile(path).append("new")
    assert HistoryFile(path).read() == ["new"]


def test_concurrent_appends_lose_no_entry(path: Path) -> None:
    def type_many(shell: int) -> None:
        for number in range(50):
            HistoryFile(path).append(f"{shell}-{number}")

    with ThreadPoolExecutor(4) as shells:
        list(shells.map(type_many, range(4)))
    assert sorted(HistoryFile(path).read()) == sorted(f"{s}-{n}" for s in range(4) for n in range(50))


def test_long_file_is_truncated_to_the_last_entries(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f'"{number}"\n' for number in range(2 * KEPT + 5)))
    assert HistoryFile(path).read()[0] == str(KEPT + 5)
    assert len(path.read_text().splitlines()) == KEPT
    assert [file.name for file in path.parent.iterdir()] == ["history"]


def test_entries_appended_during_a_truncation_are_not_lost(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f'"{number}"\n' for number in range(2 * KEPT + 1)))

    def work(number: int) -> None:
        HistoryFile(path).read() if number % 2 else HistoryFile(path).append(f"new {number}")

    with ThreadPoolExecutor(4) as shells:
        list(shells.map(work, range(20)))
    assert {f"new {number}" for number in range(0, 20, 2)} <= set(HistoryFile(path).read())


def test_huge_entry_is_not_stored(path: Path) -> None:
    HistoryFile(path).append("small")
    HistoryFile(path).append("x" * (LONGEST + 1))
    assert HistoryFile(path).read() == ["small"]


async def load(history: InputHistory) -> list[str]:
    return [entry async for entry in history.load()]


async def test_history_of_an_earlier_run_is_loaded_newest_first(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    first = InputHistory(file, lambda _: None)
    first.append_string("one")
    first.append_string("two")
    assert await load(InputHistory(file, lambda _: None)) == ["two", "one"]


async def test_entry_added_before_loading_is_listed_once(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    file.append("old")
    history = InputHistory(file, lambda _: None)
    history.append_string("new")
    assert await load(history) == ["new", "old"]
    history.append_string("newer")
    assert await load(history) == ["newer", "new", "old"]
    assert history.get_strings() == ["old", "new", "newer"]


async def test_line_entered_while_the_file_is_read_does_not_lose_the_older_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HistoryFile(tmp_path / "history")
    file.append("old")
    reached, gate, read = threading.Event(), threading.Event(), file.read

    def wait_and_read() -> list[str]:
        reached.set()
        gate.wait(60)
        return read()

    monkeypatch.setattr(file, "read", wait_and_read)
    history = InputHistory(file, lambda _: None)
    loading = asyncio.create_task(load(history))
    await asyncio.to_thread(reached.wait, 60)
    loading.cancel()  # as prompt_toolkit does when a line is entered
    history.append_string("new")
    gate.set()
    assert await load(history) == ["new", "old"]


async def test_unwritable_history_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reports: list[str] = []
    history = InputHistory(HistoryFile(tmp_path / "file" / "history"), reports.append)
    assert await load(history) == []
    history.append_string("one")
    history.append_string("two")
    assert await load(history) == ["two", "one"]
    assert len(reports) == 1
    assert "Cannot save the input history" in reports[0]


def test_named_pipe_is_an_error_instead_of_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "history")
    file = HistoryFile(tmp_path / "history")
    with pytest.raises(OSError, match="not a regular file"):
        file.read()
    with pytest.raises(OSError, match="not a regular file"):
        file.append("x")
