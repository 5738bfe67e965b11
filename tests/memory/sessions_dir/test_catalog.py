"""Which sessions there are: what the folders say, whatever the index does.

A session folder that somebody copied: two with one id, and nothing is ever done to the other one.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aloop.errors import DuplicateSessionId, SessionExists
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.serialization import dump_session
from aloop.memory.sessions_dir.catalog import Catalog, Entry
from aloop.memory.sessions_dir.index import FILE_NAME, read_index, write_index
from tests.memory.examples import ID, NOON, OTHER_ID, session, user
from tests.memory.faults import WRITING, FaultyPort
from tests.saved_sessions import FIRST, SECOND, save

FIRST_ID, OTHER = Entry(ID, "2025-01-31_a1b2c3d4"), Entry(OTHER_ID, "2025-01-31_e5f6a7b8")


def put(sessions_dir: Path, identity: str, folder: str, minutes: int = 0) -> Path:
    """Put a session into a folder, last changed so many minutes after noon."""
    path = sessions_dir / folder / "session.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = NOON + timedelta(minutes=minutes)
    path.write_bytes(dump_session(session(user("Hi"), identity=identity, updated_at=changed)))
    return path


@pytest.fixture
def two(sessions_dir: Path) -> Path:
    """A folder of two sessions without an index, the other one newer."""
    put(sessions_dir, *(FIRST_ID.id, FIRST_ID.folder), minutes=1)
    put(sessions_dir, *(OTHER.id, OTHER.folder), minutes=2)
    return sessions_dir


@pytest.fixture
def catalog(fs: FaultyPort, sessions_dir: Path) -> Catalog:
    return Catalog(fs, sessions_dir)


def ids(catalog: Catalog) -> list[str]:
    return [head.id for head in catalog.heads()]


def test_a_folder_that_is_not_there_holds_no_sessions(catalog: Catalog, sessions_dir: Path) -> None:
    assert catalog.heads() == []
    assert catalog.find("a") == []
    assert not sessions_dir.exists()


def test_the_newest_comes_first_by_what_the_files_say(two: Path, catalog: Catalog) -> None:
    (two / FIRST_ID.folder / "session.yaml").touch()
    assert ids(catalog) == [OTHER_ID, ID]


def test_a_listing_makes_the_missing_index_and_nothing_else(two: Path, catalog: Catalog, fs: FaultyPort) -> None:
    catalog.heads()
    assert read_index(fs, two) == {FIRST_ID.folder: ID, OTHER.folder: OTHER_ID}
    written = {call for call in fs.calls if call[0] in WRITING - {"write"}}
    assert {Path(str(path)).parent for _, path in written} == {two}
    assert sorted(path.name for path in two.iterdir()) == [FILE_NAME, FIRST_ID.folder, OTHER.folder]


def test_a_listing_with_a_sound_index_writes_nothing(two: Path, catalog: Catalog, fs: FaultyPort) -> None:
    catalog.heads()
    fs.calls.clear()
    catalog.heads()
    catalog.find("a1")
    assert not WRITING & {name for name, _ in fs.calls}


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_can_not_be_written_still_lists(two: Path, catalog: Catalog, fs: FaultyPort, number: int) -> None:
    fs.fail(*WRITING, number=number)
    assert ids(catalog) == [OTHER_ID, ID]
    assert catalog.find("a1b2") == [FIRST_ID]


@pytest.mark.parametrize("prefix", ["a", "a1b2c3d4", ID])
def test_a_prefix_finds_its_session(two: Path, catalog: Catalog, prefix: str) -> None:
    assert catalog.find(prefix) == [FIRST_ID]


def test_a_prefix_of_several_finds_all_sorted(two: Path, catalog: Catalog) -> None:
    third = Entry("a1b2ffff-5678-40ab-8def-1234567890ab", "2025-02-01_a1b2ffff")
    put(two, third.id, third.folder)
    assert catalog.find("a1b2") == [FIRST_ID, third]
    assert catalog.find("ffff") == []


def test_a_session_is_found_as_soon_as_it_is_there(two: Path, catalog: Catalog) -> None:
    """Also by a process that has looked before, and when the folder came first and the file later."""
    late = Entry("0badcafe-5678-40ab-8def-1234567890ab", "2025-02-01_0badcafe")
    (two / late.folder).mkdir()
    assert catalog.find("0bad") == []
    put(two, late.id, late.folder)
    assert catalog.find("0bad") == [late]


def test_a_session_that_moved_is_found_where_it_is(two: Path, catalog: Catalog) -> None:
    assert catalog.find("a1b2") == [FIRST_ID]
    (two / FIRST_ID.folder).rename(two / "my talk")
    assert catalog.find("a1b2") == [Entry(ID, "my talk")]
    (two / "my talk" / "session.yaml").unlink()
    assert catalog.find("a1b2") == []


def test_a_session_whose_id_was_edited_is_found_by_the_new_one(two: Path, catalog: Catalog) -> None:
    assert catalog.find("a1b2") == [FIRST_ID]
    put(two, "0badcafe-5678-40ab-8def-1234567890ab", FIRST_ID.folder)
    assert catalog.find("a1b2") == []
    assert catalog.find("0bad") == [Entry("0badcafe-5678-40ab-8def-1234567890ab", FIRST_ID.folder)]


def test_look_ups_after_the_first_read_one_file_each(two: Path, catalog: Catalog, fs: FaultyPort) -> None:
    catalog.heads()
    os.utime(two, (1_000_000, 1_000_000))  # what just changed is looked at again
    catalog.find("e5f6")
    fs.calls.clear()
    assert catalog.find("a1b2") == [FIRST_ID]
    assert [name for name, _ in fs.calls] == ["lstat", "read"]


def test_of_two_folders_with_one_id_the_one_named_after_it_is_meant(two: Path, catalog: Catalog) -> None:
    put(two, ID, "0-Copy", minutes=9)
    assert catalog.find("a1b2") == [FIRST_ID]
    assert ids(catalog) == ["0-copy", OTHER_ID, ID]
    assert [(entry.id, entry.folder) for entry in catalog.find("0-copy")] == [("0-copy", "0-Copy")]
    assert catalog.duplicate_ids() == {"0-Copy": "0-copy"}
    assert f"has the same ID as {FIRST_ID.folder}" in str(catalog.heads()[0].problem)


def test_a_broken_session_hides_no_other_and_is_found_by_its_folders_name(two: Path, catalog: Catalog) -> None:
    (two / FIRST_ID.folder / "session.yaml").write_text("id: [")
    assert set(ids(catalog)) == {OTHER_ID, "a1b2c3d4"}
    assert catalog.find("a1b2") == [Entry("a1b2c3d4", FIRST_ID.folder)]
    assert catalog.find("e5f6") == [OTHER]


def index_line(identity: str, folder: str) -> str:
    return f"{identity}: {folder}\n"


POISON: dict[str, Callable[[str, str], str | None]] = {
    "deleted": lambda header, good: None,
    "empty": lambda header, good: "",
    "cut": lambda header, good: good[:-20],
    "null": lambda header, good: "null\n",
    "list": lambda header, good: f"- {ID}\n- {OTHER_ID}\n",
    "lists as values": lambda header, good: f"{header}{ID}: [{FIRST_ID.folder}]\n",
    "stale": lambda header, good: f"{header}{ID}: {FIRST_ID.folder}\n",
    "with what is gone": lambda header, good: (
        good + index_line("0badcafe-5678-40ab-8def-1234567890ab", "2025-01-01_0badcafe")
    ),
    "swapped": lambda header, good: header + index_line(ID, OTHER.folder) + index_line(OTHER_ID, FIRST_ID.folder),
    "both the same": lambda header, good: header + index_line(ID, FIRST_ID.folder) + index_line(ID, OTHER.folder),
    "absolute": lambda header, good: header + index_line(ID, '"/outside"'),
    "upwards": lambda header, good: header + index_line(ID, '"../outside"'),
    "binary": lambda header, good: "\x00\x01",
}


@pytest.mark.parametrize("kind", POISON)
def test_whatever_the_index_says_the_folders_are_listed(
    two: Path, fs: FaultyPort, kind: str, everything: Callable[[Path], dict[str, bytes | str]]
) -> None:
    outside = two.parent / "outside"
    put(outside.parent, "0ff51de0-5678-40ab-8def-1234567890ab", "outside")
    before = everything(outside)
    write_index(fs, two, {})
    header = (two / FILE_NAME).read_text()
    write_index(fs, two, {FIRST_ID.folder: ID, OTHER.folder: OTHER_ID})
    text = POISON[kind](header, (two / FILE_NAME).read_text())
    (two / FILE_NAME).write_text(text) if text is not None else (two / FILE_NAME).unlink()
    fs.calls.clear()
    for prefix, hits in (("a1b2", [FIRST_ID]), ("e5f6", [OTHER]), ("0ff5", []), ("0bad", [])):
        assert Catalog(fs, two).find(prefix) == hits
    assert ids(Catalog(fs, two)) == [OTHER_ID, ID]
    assert read_index(fs, two) == {FIRST_ID.folder: ID, OTHER.folder: OTHER_ID}
    assert everything(outside) == before
    assert not {path for path in fs.paths() if path.is_absolute() and not path.is_relative_to(two)}


def test_a_lying_index_does_not_hide_that_a_prefix_is_ambiguous(two: Path, fs: FaultyPort) -> None:
    """Or the wrong one of two sessions would be deleted without a question."""
    twin = Entry("a1b2ffff-5678-40ab-8def-1234567890ab", "2025-02-01_a1b2ffff")
    put(two, twin.id, twin.folder)
    lie = {FIRST_ID.folder: ID, OTHER.folder: OTHER_ID, twin.folder: "0badcafe-5678-40ab-8def-1234567890ab"}
    write_index(fs, two, lie)
    assert Catalog(fs, two).find("a1b2") == [FIRST_ID, twin]


def test_links_are_neither_listed_nor_followed(two: Path, fs: FaultyPort, catalog: Catalog) -> None:
    outside = two.parent / "outside"
    put(outside.parent, "0ff51de0-5678-40ab-8def-1234567890ab", "outside")
    (two / "2025-02-02_0ff51de0").symlink_to(outside)
    assert ids(catalog) == [OTHER_ID, ID]
    assert catalog.find("0ff5") == []
    assert not {path for path in fs.paths() if not path.is_relative_to(two)}


def test_what_is_hidden_or_no_folder_is_passed_by(two: Path, catalog: Catalog) -> None:
    put(two, "0ff51de0-5678-40ab-8def-1234567890ab", ".trash")
    (two / "notes.txt").write_text("mine")
    assert ids(catalog) == [OTHER_ID, ID]


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
    assert "has the same ID as 2025-01-01_a1b2c3d4" in (copy.problem or "")
    assert [row.problem for row in others] == [None, None]
    assert await SessionLibrary(sessions_dir).summarize([copy.id]) == [copy]
    titles = await SessionLibrary(sessions_dir).list_titles()
    assert {title.id: title.title for title in titles}[copy.id] == "the copy"
    assert await MemoryManager.find_latest_session(sessions_dir=sessions_dir) in {FIRST, SECOND}


async def test_a_copy_is_read_by_its_name_and_the_original_by_its_id(sessions_dir: Path, copied: Path) -> None:
    for name, says in ((copied.name.lower(), "the copy"), (FIRST[:8], "the original")):
        assert (await SessionLibrary(sessions_dir).load(name)).messages[0].content == says


async def test_a_copy_is_found_by_its_name(sessions_dir: Path, copied: Path) -> None:
    hits = [hit async for hit in SessionLibrary(sessions_dir).search('"the copy"')]
    assert [hit.session.id for hit in hits] == [copied.name.lower()]


async def test_a_copy_is_forked_and_not_resumed(sessions_dir: Path, copied: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    with pytest.raises(DuplicateSessionId):
        await memory.resume(copied.name)
    assert (await memory.fork(copied.name)).messages[0].content == "the copy"


async def test_deleting_a_copy_leaves_the_original_and_back(sessions_dir: Path, copied: Path) -> None:
    await SessionLibrary(sessions_dir).delete(copied.name)
    assert (sessions_dir / "2025-01-01_a1b2c3d4").exists()
    assert not copied.exists()
    with pytest.raises(SessionExists):
        await SessionLibrary(sessions_dir).restore(FIRST)
    assert (await SessionLibrary(sessions_dir).restore(copied.name)).id == copied.name.lower()
    assert copied.exists()
