""""""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repl.input.history import KEPT, LONGEST, HistoryFile, InputHistory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "aloop" / "history"


def test_without_a_file_there_is_no_history(path: Path) -> None:
    assert HistoryFile(path).read() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), min_size=1))
def test_every_entry_comes_back_as_it_was(path: Path, entry: str) -> None:
    HistoryFile(path).append(entry)
    assert HistoryFile(path).read()[-1] == entry


def test_file_and_folder_are_private(path: Path) -> None:
    HistoryFile(path).append("secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_was_open_to_others_is_closed_to_them(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('"old"\n')
    path.chmod(0o644)
    HistoryFile(path).append("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_that_are_no_entry_are_passed_over(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b'"one"\nnot json\n\xff\xfe\n{"a": 1}\n\n"two"\n')
    assert HistoryFile(path).read() == ["one", "two"]


def test_two_shells_lose_nothing_to_each_other(path: Path) -> None:
    def type_many(shell: int) -> None:
        for number in range(50):
            HistoryFile(path).append(f"{shell}-{number}")

    with ThreadPoolExecutor(4) as shells:
        list(shells.map(type_many, range(4)))
    assert sorted(HistoryFile(path).read()) == sorted(f"{s}-{n}" for s in range(4) for n in range(50))


def test_only_the_last_entries_are_kept(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f'"{number}"\n' for number in range(2 * KEPT + 5)))
    assert HistoryFile(path).read()[0] == str(KEPT + 5)
    assert len(path.read_text().splitlines()) == KEPT
    assert [file.name for file in path.parent.iterdir()] == ["history"]


def test_entries_added_while_the_file_is_cut_down_are_not_lost(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f'"{number}"\n' for number in range(2 * KEPT + 1)))

    def work(number: int) -> None:
        HistoryFile(path).read() if number % 2 else HistoryFile(path).append(f"new {number}")

    with ThreadPoolExecutor(4) as shells:
        list(shells.map(work, range(20)))
    assert {f"new {number}" for number in range(0, 20, 2)} <= set(HistoryFile(path).read())


def test_a_huge_entry_is_left_out(path: Path) -> None:
    HistoryFile(path).append("small")
    HistoryFile(path).append("x" * (LONGEST + 1))
    assert HistoryFile(path).read() == ["small"]


async def load(history: InputHistory) -> list[str]:
    return [entry async for entry in history.load()]


async def test_the_newest_entry_comes_first_also_from_another_run(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    first = InputHistory(file, lambda _: None)
    first.append_string("one")
    first.append_string("two")
    assert await load(InputHistory(file, lambda _: None)) == ["two", "one"]


async def test_what_is_typed_before_the_file_is_read_is_there_once(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    file.append("old")
    history = InputHistory(file, lambda _: None)
    history.append_string("new")
    assert await load(history) == ["new", "old"]
    history.append_string("newer")
    assert await load(history) == ["newer", "new", "old"]
    assert history.get_strings() == ["old", "new", "newer"]


async def test_an_unwritable_place_is_told_once_and_typing_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    history = InputHistory(HistoryFile(tmp_path / "file" / "history"), told.append)
    assert await load(history) == []
    history.append_string("one")
    history.append_string("two")
    assert await load(history) == ["two", "one"]
    assert len(told) == 1
    assert "Cannot save the input history" in told[0]
