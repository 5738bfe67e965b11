from __future__ import annotations

from pathlib import Path

from repl.input.history import HistoryFile, InputHistory


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
    assert "not kept for the next run" in told[0]
