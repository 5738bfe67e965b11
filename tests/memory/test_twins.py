"""A session folder that somebody copied: two with one id, and nothing is ever done to the other one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aloop.errors import SessionExists, SessionTwin
from aloop.memory import MemoryManager
from tests.saved_sessions import FIRST, SECOND, save


@pytest.fixture
def copied(sessions_dir: Path) -> Path:
    """A folder of a session that was changed last, and a copy of another one, called as people call a copy."""
    original = save(sessions_dir, FIRST, says="the original")
    save(sessions_dir, SECOND)
    folder = sessions_dir / f"{original.parent.name} (Copy 2)"
    shutil.copytree(original.parent, folder)
    text = original.read_text().replace("the original", "the copy").replace("2025-01-01T09", "2025-01-09T09")
    (folder / "session.yaml").write_text(text)
    return folder


async def test_a_copy_is_listed_with_what_is_wrong_and_is_never_the_latest(sessions_dir: Path, copied: Path) -> None:
    copy, *others = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert copy.id == copied.name.lower()
    assert "has the id of 2025-01-01_a1b2c3d4 too" in (copy.problem or "")
    assert [row.problem for row in others] == [None, None]
    assert await MemoryManager.summarize([copy.id], sessions_dir=sessions_dir) == [copy]
    titles = await MemoryManager.list_titles(sessions_dir=sessions_dir)
    assert {title.id: title.title for title in titles}[copy.id] == "the copy"
    assert await MemoryManager.find_latest_session(sessions_dir=sessions_dir) in {FIRST, SECOND}


async def test_a_copy_is_read_by_its_name_and_the_original_by_its_id(sessions_dir: Path, copied: Path) -> None:
    for name, says in ((copied.name.lower(), "the copy"), (FIRST[:8], "the original")):
        assert (await MemoryManager.load_session(name, sessions_dir=sessions_dir)).messages[0].content == says


async def test_a_copy_is_found_by_its_name(sessions_dir: Path, copied: Path) -> None:
    hits = [hit async for hit in MemoryManager.search_sessions('"the copy"', sessions_dir=sessions_dir)]
    assert [hit.session.id for hit in hits] == [copied.name.lower()]


async def test_a_copy_is_forked_and_not_resumed(sessions_dir: Path, copied: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    with pytest.raises(SessionTwin):
        await memory.resume(copied.name)
    assert (await memory.fork(copied.name)).messages[0].content == "the copy"


async def test_deleting_a_copy_leaves_the_original_and_back(sessions_dir: Path, copied: Path) -> None:
    await MemoryManager.delete_session(copied.name, sessions_dir=sessions_dir)
    assert (sessions_dir / "2025-01-01_a1b2c3d4").exists()
    assert not copied.exists()
    with pytest.raises(SessionExists):
        await MemoryManager.restore_session(FIRST, sessions_dir=sessions_dir)
    assert (await MemoryManager.restore_session(copied.name, sessions_dir=sessions_dir)).id == copied.name.lower()
    assert copied.exists()
