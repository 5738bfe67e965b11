"""What is deleted lies in the trash until somebody brings it back or purges it; nothing outside is touched."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aloop.errors import (
    AmbiguousPrefix,
    InvalidPrefix,
    SessionBusy,
    SessionError,
    SessionExists,
    SessionNotFound,
    StorageError,
)
from aloop.memory import MemoryManager, SessionLibrary
from tests.saved_sessions import FIRST, SECOND, THIRD, break_session, open_elsewhere, save


async def delete(sessions_dir: Path, *ids: str) -> list[Path]:
    return [await SessionLibrary(sessions_dir).delete(one) for one in ids]


async def test_what_was_deleted_last_is_listed_first(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    size = save(sessions_dir, THIRD, says="Second one").stat().st_size
    before = datetime.now(UTC)
    await delete(sessions_dir, FIRST, THIRD)
    newer, older = await SessionLibrary(sessions_dir).list_trash()
    assert [newer.id, older.id] == [THIRD, FIRST]
    assert (newer.summary.title, newer.summary.message_count) == ("Second one", 4)
    assert newer.size >= size
    assert before - timedelta(seconds=1) <= older.deleted_at <= newer.deleted_at <= datetime.now(UTC)


async def test_what_lies_in_the_trash_is_no_session_any_more(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    assert await MemoryManager.list_sessions(sessions_dir=sessions_dir) == []
    assert await MemoryManager.find_session_by_prefix(FIRST, sessions_dir=sessions_dir) is None


async def test_the_trash_is_private(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    (folder,) = await delete(sessions_dir, FIRST)
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


async def test_no_trash_is_an_empty_one(sessions_dir: Path) -> None:
    assert await SessionLibrary(sessions_dir).list_trash() == []
    await SessionLibrary(sessions_dir).purge([])


async def test_a_restored_session_is_back_in_its_place_to_the_byte(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_bytes()
    await delete(sessions_dir, FIRST)
    summary = await SessionLibrary(sessions_dir).restore("A1B2")
    assert (summary.id, summary.path, summary.message_count) == (FIRST, path, 4)
    assert path.read_bytes() == text
    assert await MemoryManager.find_session_by_prefix("a1b2", sessions_dir=sessions_dir) == FIRST
    assert await SessionLibrary(sessions_dir).list_trash() == []


async def test_a_folder_that_a_person_named_gets_its_name_back(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    named = path.parent.rename(sessions_dir / "my.best idea")
    await delete(sessions_dir, FIRST)
    summary = await SessionLibrary(sessions_dir).restore(FIRST)
    assert summary.path.parent == named


async def test_a_session_moved_into_the_trash_by_hand_can_be_restored(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    (sessions_dir / ".trash").mkdir()
    path.parent.rename(sessions_dir / ".trash" / path.parent.name)
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    assert session.id == FIRST
    await SessionLibrary(sessions_dir).restore(FIRST)
    assert path.is_file()


async def test_a_broken_session_goes_and_comes_back_as_it_is(sessions_dir: Path) -> None:
    path = break_session(sessions_dir)
    await delete(sessions_dir, THIRD[:8])
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    assert session.id == THIRD[:8]
    summary = await SessionLibrary(sessions_dir).restore(THIRD[:8])
    assert summary.problem is not None
    assert summary.problem.startswith(f"{path}:4:1:")


async def test_of_a_session_deleted_twice_the_later_one_comes_back(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="earlier")
    await delete(sessions_dir, FIRST)
    save(sessions_dir, FIRST, says="later")
    await delete(sessions_dir, FIRST)
    assert len(await SessionLibrary(sessions_dir).list_trash(FIRST)) == 2
    assert (await SessionLibrary(sessions_dir).restore(FIRST)).title == "later"
    with pytest.raises(SessionExists):
        await SessionLibrary(sessions_dir).restore(FIRST)


async def test_a_session_with_the_same_id_is_not_covered_up(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    twin = save(sessions_dir, FIRST).parent.rename(sessions_dir / "elsewhere")
    with pytest.raises(SessionExists) as caught:
        await SessionLibrary(sessions_dir).restore(FIRST)
    assert caught.value.path == twin
    assert len(await SessionLibrary(sessions_dir).list_trash()) == 1


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
async def test_whatever_has_the_name_of_the_folder_stays(sessions_dir: Path, kind: str, tmp_path: Path) -> None:
    place = save(sessions_dir, FIRST).parent
    await delete(sessions_dir, FIRST)
    if kind == "folder":
        place.mkdir()
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path)
    with pytest.raises(SessionExists, match=place.name):
        await SessionLibrary(sessions_dir).restore(FIRST)
    assert len(await SessionLibrary(sessions_dir).list_trash()) == 1


async def test_an_ambiguous_prefix_brings_nothing_back(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    await delete(sessions_dir, FIRST, SECOND)
    with pytest.raises(AmbiguousPrefix) as caught:
        await SessionLibrary(sessions_dir).restore("a1b2")
    assert caught.value.candidates == (FIRST, SECOND)


@pytest.mark.parametrize("prefix", ["", " ", "..", "a/b", "*"])
async def test_what_is_no_id_is_refused(sessions_dir: Path, prefix: str) -> None:
    with pytest.raises(InvalidPrefix):
        await SessionLibrary(sessions_dir).restore(prefix)
    with pytest.raises(InvalidPrefix):
        await SessionLibrary(sessions_dir).list_trash(prefix)


async def test_a_session_that_is_not_in_the_trash_is_said_not_to_be_there(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    with pytest.raises(SessionNotFound, match="in the trash"):
        await SessionLibrary(sessions_dir).restore(FIRST)


async def test_a_folder_without_a_session_can_be_purged_and_not_restored(sessions_dir: Path) -> None:
    (sessions_dir / ".trash" / "half_deadbeef").mkdir(parents=True)
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    assert (session.id, session.summary.problem is None) == ("deadbeef", False)
    with pytest.raises(SessionError, match="nothing to restore"):
        await SessionLibrary(sessions_dir).restore("deadbeef")
    await SessionLibrary(sessions_dir).purge([session])
    assert await SessionLibrary(sessions_dir).list_trash() == []


async def test_only_what_was_named_is_purged(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, THIRD)
    await delete(sessions_dir, FIRST, THIRD)
    named = await SessionLibrary(sessions_dir).list_trash(FIRST)
    await SessionLibrary(sessions_dir).purge(named)
    assert [left.id for left in await SessionLibrary(sessions_dir).list_trash()] == [THIRD]


async def test_a_session_that_left_the_trash_meanwhile_is_not_purged(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    seen = await SessionLibrary(sessions_dir).list_trash()
    await SessionLibrary(sessions_dir).restore(FIRST)
    await SessionLibrary(sessions_dir).purge(seen)
    assert path.is_file()


async def test_links_in_the_trash_are_neither_listed_nor_followed(sessions_dir: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    kept = save(outside, SECOND)
    save(sessions_dir, FIRST)
    (folder,) = await delete(sessions_dir, FIRST)
    link = folder.parent / "2025-01-01_a1b2ffff.20250101T000000.000000"
    link.symlink_to(kept.parent)
    (folder / "link").symlink_to(outside)
    sessions = await SessionLibrary(sessions_dir).list_trash()
    assert [session.id for session in sessions] == [FIRST]
    forged = replace(sessions[0], summary=replace(sessions[0].summary, path=link / "session.yaml"))
    await SessionLibrary(sessions_dir).purge([*sessions, forged])
    assert not folder.exists()
    assert link.is_symlink()
    assert kept.is_file()


async def test_a_record_of_another_place_purges_nothing_there(sessions_dir: Path, tmp_path: Path) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    elsewhere = save(tmp_path / "elsewhere", FIRST)
    forged = replace(session, summary=replace(session.summary, path=elsewhere))
    await SessionLibrary(sessions_dir).purge([forged])
    assert elsewhere.is_file()
    assert len(await SessionLibrary(sessions_dir).list_trash()) == 1


async def test_a_trash_that_is_a_link_is_refused(sessions_dir: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    kept = save(outside, SECOND)
    path = save(sessions_dir, FIRST)
    (sessions_dir / ".trash").symlink_to(outside)
    for attempt in (delete(sessions_dir, FIRST), SessionLibrary(sessions_dir).list_trash()):
        with pytest.raises(StorageError, match=r"\.trash is no folder"):
            await attempt
    with pytest.raises(StorageError, match=r"\.trash is no folder"):
        await SessionLibrary(sessions_dir).restore(SECOND)
    assert path.is_file()
    assert kept.is_file()


async def test_a_session_that_another_shell_has_open_is_not_deleted(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST) as process:
        with pytest.raises(SessionBusy, match=f"process {process}"):
            await delete(sessions_dir, FIRST)
        assert path.is_file()
    await delete(sessions_dir, FIRST)
    assert not path.exists()


async def test_a_broken_session_can_be_told_from_a_sound_copy_of_it(sessions_dir: Path) -> None:
    break_session(sessions_dir)
    await delete(sessions_dir, THIRD[:8])
    save(sessions_dir, THIRD)
    await delete(sessions_dir, THIRD)
    (broken,) = await SessionLibrary(sessions_dir).list_trash(THIRD[:8])
    assert broken.summary.problem is not None
    (sound,) = await SessionLibrary(sessions_dir).list_trash(THIRD)
    assert sound.summary.problem is None
