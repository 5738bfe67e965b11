"""Renaming sessions, open or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.errors import SessionNotFound, StorageError, UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, SECOND, save


async def titles(sessions_dir: Path) -> list[str]:
    return [row.title for row in await MemoryManager.list_sessions(sessions_dir=sessions_dir)]


async def test_rename_changes_only_the_title_line(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    before = path.read_text()
    await SessionLibrary(sessions_dir).rename("a1b2", "  About \n sums ")
    stamp = 'updated_at: "2025-01-01T09:30:00"\n'
    assert path.read_text() == before.replace(stamp, f'{stamp}title: "About sums"\n')
    assert await titles(sessions_dir) == ["About sums"]
    await SessionLibrary(sessions_dir).rename("a1b2", "Sums")
    assert path.read_text() == before.replace(stamp, f'{stamp}title: "Sums"\n')


async def test_renamed_session_keeps_its_place_in_the_list(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2, says="newer")
    await SessionLibrary(sessions_dir).rename(FIRST, "older")
    assert await titles(sessions_dir) == ["newer", "older"]


@pytest.mark.parametrize(("title", "reason"), [("  ", "at least one word"), ("x" * 201, "at most 200")])
async def test_invalid_title_is_an_error(sessions_dir: Path, title: str, reason: str) -> None:
    before = save(sessions_dir, FIRST).read_bytes()
    with pytest.raises(UsageError, match=reason):
        await SessionLibrary(sessions_dir).rename(FIRST, title)
    assert next(sessions_dir.glob("*/session.yaml")).read_bytes() == before


async def test_missing_session_is_an_error(sessions_dir: Path) -> None:
    with pytest.raises(SessionNotFound):
        await SessionLibrary(sessions_dir).rename(FIRST, "x")


async def test_shell_that_has_the_session_open_picks_up_the_title(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
    await memory.resume(FIRST)
    await SessionLibrary(sessions_dir).rename(FIRST, "From outside")
    await memory.save_memory()
    assert memory.title == "From outside"
    assert await titles(sessions_dir) == ["From outside"]
    memory.close()


async def test_change_just_before_the_replacement_is_not_overwritten(fs: FaultyFileSystem, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)

    def edit_once() -> None:
        del fs.before["fsync"]
        path.write_text(path.read_text().replace("It is", "Is"))

    # The edit comes after the new file is written and before the last check of the old one.
    fs.before["fsync"] = edit_once
    await SessionLibrary(sessions_dir).rename(FIRST, "Sums")
    session = await SessionLibrary(sessions_dir).load(FIRST)
    assert (session.title, session.messages[-1].content) == ("Sums", "Is\n4.\n")


async def test_disk_error_changes_nothing(fs: FaultyFileSystem, sessions_dir: Path) -> None:
    before = save(sessions_dir, FIRST).read_bytes()
    fs.fail("replace")
    with pytest.raises(StorageError, match="rename the session"):
        await SessionLibrary(sessions_dir).rename(FIRST, "Sums")
    assert next(sessions_dir.glob("*/session.yaml")).read_bytes() == before


async def test_open_session_is_renamed_in_memory_and_in_its_file(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    memory = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    await memory.rename(" My  sums ")
    assert (memory.title, await titles(sessions_dir)) == ("My sums", ["My sums"])


async def test_title_of_a_session_without_a_file_is_saved_with_it(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.rename("Sums")
    assert not sessions_dir.exists()
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "What is 2+2?"))
        await turn.add(LLMMessage("assistant", "4"))
    assert await titles(sessions_dir) == ["Sums"]


async def test_title_that_could_not_be_saved_is_saved_next_time(fs: FaultyFileSystem, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    memory = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    fs.fail("replace")
    with pytest.raises(StorageError):
        await memory.rename("Sums")
    fs.heal()
    path.write_text(path.read_text().replace("It is", "It was"))
    await memory.save_memory()
    assert await titles(sessions_dir) == ["Sums"]


async def test_title_is_recovered_with_an_interrupted_first_turn(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.rename("Sums")
    turn = memory.turn()
    await turn.__aenter__()
    await turn.add(LLMMessage("user", "What is 2+2?"))
    memory.close()  # as after a crash
    await SessionLibrary(sessions_dir).recover()
    assert await titles(sessions_dir) == ["Sums"]
