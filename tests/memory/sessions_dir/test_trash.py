"""The trash: delete, list, restore and purge sessions."""

from __future__ import annotations

import errno
import stat
import time
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
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, SECOND, THIRD, break_session, open_elsewhere, save


async def delete(sessions_dir: Path, *ids: str) -> list[Path]:
    return [await SessionLibrary(sessions_dir).delete(one) for one in ids]


async def test_trash_is_listed_last_deleted_first(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    size = save(sessions_dir, THIRD, says="Second one").stat().st_size
    before = datetime.now(UTC)
    await delete(sessions_dir, FIRST, THIRD)
    newer, older = await SessionLibrary(sessions_dir).list_trash()
    assert [newer.id, older.id] == [THIRD, FIRST]
    assert (newer.summary.title, newer.summary.message_count) == ("Second one", 4)
    assert newer.size >= size
    assert before - timedelta(seconds=1) <= older.deleted_at <= newer.deleted_at <= datetime.now(UTC)


async def test_deleted_session_is_not_listed_or_found(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    assert await MemoryManager.list_sessions(sessions_dir=sessions_dir) == []
    assert await SessionLibrary(sessions_dir).find_by_prefix(FIRST) is None


async def test_trash_folder_is_private(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    (folder,) = await delete(sessions_dir, FIRST)
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


async def test_missing_trash_is_empty(sessions_dir: Path) -> None:
    assert await SessionLibrary(sessions_dir).list_trash() == []
    await SessionLibrary(sessions_dir).purge([])


async def test_restored_session_is_back_in_its_place_unchanged(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_bytes()
    await delete(sessions_dir, FIRST)
    summary = await SessionLibrary(sessions_dir).restore("A1B2")
    assert (summary.id, summary.path, summary.message_count) == (FIRST, path, 4)
    assert path.read_bytes() == text
    assert await SessionLibrary(sessions_dir).find_by_prefix("a1b2") == FIRST
    assert await SessionLibrary(sessions_dir).list_trash() == []


async def test_restored_folder_gets_its_own_name_back(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    named = path.parent.rename(sessions_dir / "my.best idea")
    await delete(sessions_dir, FIRST)
    summary = await SessionLibrary(sessions_dir).restore(FIRST)
    assert summary.path.parent == named


async def test_session_moved_to_the_trash_by_hand_can_be_restored(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    (sessions_dir / ".trash").mkdir()
    path.parent.rename(sessions_dir / ".trash" / path.parent.name)
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    assert session.id == FIRST
    await SessionLibrary(sessions_dir).restore(FIRST)
    assert path.is_file()


async def test_invalid_session_can_be_deleted_and_restored(sessions_dir: Path) -> None:
    path = break_session(sessions_dir)
    await delete(sessions_dir, THIRD[:8])
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    assert session.id == THIRD[:8]
    summary = await SessionLibrary(sessions_dir).restore(THIRD[:8])
    assert summary.problem is not None
    assert summary.problem.startswith(f"{path}:3:11:")


async def test_restore_takes_the_version_deleted_last(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="earlier")
    await delete(sessions_dir, FIRST)
    save(sessions_dir, FIRST, says="later")
    await delete(sessions_dir, FIRST)
    assert len(await SessionLibrary(sessions_dir).list_trash(FIRST)) == 2
    assert (await SessionLibrary(sessions_dir).restore(FIRST)).title == "later"
    with pytest.raises(SessionExists):
        await SessionLibrary(sessions_dir).restore(FIRST)


async def test_restore_takes_the_version_deleted_last_in_any_time_zone(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        for zone, says in (("Asia/Tokyo", "older"), ("America/New_York", "newer")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            save(sessions_dir, FIRST, says=says)
            await delete(sessions_dir, FIRST)
        assert (await SessionLibrary(sessions_dir).restore(FIRST)).title == "newer"
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_folder_deleted_by_the_first_version_keeps_its_time(sessions_dir: Path) -> None:
    """Its name has local time, and no mark of a zone."""
    save(sessions_dir, FIRST)
    (folder,) = await delete(sessions_dir, FIRST)
    folder.rename(folder.with_name(f"{folder.name.split('.')[0]}.20260131T143000.250000"))
    (item,) = await SessionLibrary(sessions_dir).list_trash()
    assert item.deleted_at == datetime(2026, 1, 31, 14, 30, 0, 250_000).astimezone()
    assert (await SessionLibrary(sessions_dir).restore(FIRST)).path.parent.name == "2025-01-01_a1b2c3d4"


async def test_restore_of_an_id_in_use_is_an_error(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    other = save(sessions_dir, FIRST).parent.rename(sessions_dir / "elsewhere")
    with pytest.raises(SessionExists) as caught:
        await SessionLibrary(sessions_dir).restore(FIRST)
    assert caught.value.path == other
    assert len(await SessionLibrary(sessions_dir).list_trash()) == 1


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
async def test_restore_over_an_existing_name_is_an_error(sessions_dir: Path, kind: str, tmp_path: Path) -> None:
    place = save(sessions_dir, FIRST).parent
    await delete(sessions_dir, FIRST)
    if kind == "folder":
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path)
    with pytest.raises(SessionExists, match=place.name):
        await SessionLibrary(sessions_dir).restore(FIRST)
    assert len(await SessionLibrary(sessions_dir).list_trash()) == 1


async def test_restore_with_an_ambiguous_prefix_is_an_error(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    await delete(sessions_dir, FIRST, SECOND)
    with pytest.raises(AmbiguousPrefix) as caught:
        await SessionLibrary(sessions_dir).restore("a1b2")
    assert caught.value.candidates == (FIRST, SECOND)


@pytest.mark.parametrize("prefix", ["", " ", "..", "a/b", "*"])
async def test_invalid_prefix_is_an_error(sessions_dir: Path, prefix: str) -> None:
    with pytest.raises(InvalidPrefix):
        await SessionLibrary(sessions_dir).restore(prefix)
    with pytest.raises(InvalidPrefix):
        await SessionLibrary(sessions_dir).list_trash(prefix)


async def test_restore_of_a_session_not_in_the_trash_is_an_error(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    with pytest.raises(SessionNotFound, match="in the trash"):
        await SessionLibrary(sessions_dir).restore(FIRST)


async def test_folder_without_a_session_can_be_purged_but_not_restored(sessions_dir: Path) -> None:
    (sessions_dir / ".trash" / "half_deadbeef").mkdir(parents=True)
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    assert (session.id, session.summary.problem is None) == ("deadbeef", False)
    with pytest.raises(SessionError, match="nothing to restore"):
        await SessionLibrary(sessions_dir).restore("deadbeef")
    await SessionLibrary(sessions_dir).purge([session])
    assert await SessionLibrary(sessions_dir).list_trash() == []


async def test_purge_deletes_only_the_given_sessions(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, THIRD)
    await delete(sessions_dir, FIRST, THIRD)
    named = await SessionLibrary(sessions_dir).list_trash(FIRST)
    await SessionLibrary(sessions_dir).purge(named)
    assert [left.id for left in await SessionLibrary(sessions_dir).list_trash()] == [THIRD]


async def test_purge_skips_a_restored_session(sessions_dir: Path) -> None:
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


async def test_purge_ignores_a_path_outside_the_trash(sessions_dir: Path, tmp_path: Path) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    (session,) = await SessionLibrary(sessions_dir).list_trash()
    elsewhere = save(tmp_path / "elsewhere", FIRST)
    forged = replace(session, summary=replace(session.summary, path=elsewhere))
    await SessionLibrary(sessions_dir).purge([forged])
    assert elsewhere.is_file()
    assert len(await SessionLibrary(sessions_dir).list_trash()) == 1


async def test_trash_that_is_a_link_is_an_error(sessions_dir: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    kept = save(outside, SECOND)
    path = save(sessions_dir, FIRST)
    (sessions_dir / ".trash").symlink_to(outside)
    for attempt in (delete(sessions_dir, FIRST), SessionLibrary(sessions_dir).list_trash()):
        with pytest.raises(StorageError, match=r"\.trash is not a folder"):
            await attempt
    with pytest.raises(StorageError, match=r"\.trash is not a folder"):
        await SessionLibrary(sessions_dir).restore(SECOND)
    assert path.is_file()
    assert kept.is_file()


async def test_session_open_in_another_shell_is_not_deleted(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST) as process:
        with pytest.raises(SessionBusy, match=f"process {process}"):
            await delete(sessions_dir, FIRST)
        assert path.is_file()
    await delete(sessions_dir, FIRST)
    assert not path.exists()


async def test_invalid_session_is_distinguished_from_a_valid_copy(sessions_dir: Path) -> None:
    break_session(sessions_dir)
    await delete(sessions_dir, THIRD[:8])
    save(sessions_dir, THIRD)
    await delete(sessions_dir, THIRD)
    (broken,) = await SessionLibrary(sessions_dir).list_trash(THIRD[:8])
    assert broken.summary.problem is not None
    (sound,) = await SessionLibrary(sessions_dir).list_trash(THIRD)
    assert sound.summary.problem is None


async def test_folder_left_empty_by_a_failed_restore_does_not_block_the_next_one(
    fs: FaultyFileSystem, sessions_dir: Path
) -> None:
    save(sessions_dir, FIRST)
    await delete(sessions_dir, FIRST)
    fs.fail("rename", number=errno.EXDEV)
    fs.fail("rmdir", number=errno.EIO)
    with pytest.raises(StorageError, match="Invalid cross-device link"):
        await SessionLibrary(sessions_dir).restore(FIRST)
    fs.heal()
    assert (await SessionLibrary(sessions_dir).restore(FIRST)).id == FIRST
