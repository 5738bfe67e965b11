"""The catalog: lookup of sessions, with a wrong index and with duplicate IDs."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aloop.errors import AmbiguousPrefix, DuplicateSessionId, SessionExists, SessionFileError, StorageError
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.serialization import dump_session
from aloop.memory.sessions_dir.catalog import Catalog, Entry
from aloop.memory.sessions_dir.index import FILE_NAME, read_index, write_index
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import ID, NOON, OTHER_ID, session, user
from tests.memory.faults import WRITING, CoarseFileSystem, FaultyFileSystem
from tests.saved_sessions import FIRST, SECOND, save

FIRST_ID, OTHER = Entry(ID, "2025-01-31_a1b2c3d4"), Entry(OTHER_ID, "2025-01-31_e5f6a7b8")


def put(sessions_dir: Path, identity: str, folder: str, minutes: int = 0) -> Path:
    """Put a session into a folder, last changed ``minutes`` after noon."""
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
def catalog(fs: FaultyFileSystem, sessions_dir: Path) -> Catalog:
    return Catalog(fs, sessions_dir)


def ids(catalog: Catalog) -> list[str]:
    return [head.id for head in catalog.headers()]


def test_missing_folder_has_no_sessions(catalog: Catalog, sessions_dir: Path) -> None:
    assert catalog.headers() == []
    assert catalog.find("a") == []
    assert not sessions_dir.exists()


def test_headers_are_sorted_by_the_time_in_the_files(two: Path, catalog: Catalog) -> None:
    (two / FIRST_ID.folder / "session.yaml").touch()
    assert ids(catalog) == [OTHER_ID, ID]


def test_listing_writes_only_the_missing_index(two: Path, catalog: Catalog, fs: FaultyFileSystem) -> None:
    catalog.headers()
    assert read_index(fs, two) == {FIRST_ID.folder: ID, OTHER.folder: OTHER_ID}
    written = {call for call in fs.calls if call[0] in WRITING - {"write"}}
    assert {Path(str(path)).parent for _, path in written} == {two}
    assert sorted(path.name for path in two.iterdir()) == [FILE_NAME, FIRST_ID.folder, OTHER.folder]


def test_listing_with_a_correct_index_writes_nothing(two: Path, catalog: Catalog, fs: FaultyFileSystem) -> None:
    catalog.headers()
    fs.calls.clear()
    catalog.headers()
    catalog.find("a1")
    assert not WRITING & {name for name, _ in fs.calls}


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_read_only_folder_can_be_listed(two: Path, catalog: Catalog, fs: FaultyFileSystem, number: int) -> None:
    fs.fail(*WRITING, number=number)
    assert ids(catalog) == [OTHER_ID, ID]
    assert catalog.find("a1b2") == [FIRST_ID]


@pytest.mark.parametrize("prefix", ["a", "a1b2c3d4", ID])
def test_prefix_finds_its_session(two: Path, catalog: Catalog, prefix: str) -> None:
    assert catalog.find(prefix) == [FIRST_ID]


def test_prefix_of_several_sessions_finds_all_sorted(two: Path, catalog: Catalog) -> None:
    third = Entry("a1b2ffff-5678-40ab-8def-1234567890ab", "2025-02-01_a1b2ffff")
    put(two, third.id, third.folder)
    assert catalog.find("a1b2") == [FIRST_ID, third]
    assert catalog.find("ffff") == []


def test_new_session_is_found_at_once(two: Path, catalog: Catalog) -> None:
    """Even after an earlier lookup, and if the folder is older than the file."""
    late = Entry("0badcafe-5678-40ab-8def-1234567890ab", "2025-02-01_0badcafe")
    (two / late.folder).mkdir()
    assert catalog.find("0bad") == []
    put(two, late.id, late.folder)
    assert catalog.find("0bad") == [late]


def test_new_sessions_are_found_at_once_with_coarse_times(two: Path) -> None:
    catalog = Catalog(CoarseFileSystem(), two)
    for number in range(20):
        prefix = f"0bad{number:04}"
        assert catalog.find(prefix) == []
        new = put(two, f"{prefix}-5678-40ab-8def-1234567890ab", f"my talk {number}")
        assert [entry.folder for entry in catalog.find(prefix)] == [new.parent.name]
        assert catalog.has(f"{prefix}-5678-40ab-8def-1234567890ab")


def test_moved_session_is_found_in_its_new_folder(two: Path, catalog: Catalog) -> None:
    assert catalog.find("a1b2") == [FIRST_ID]
    (two / FIRST_ID.folder).rename(two / "my talk")
    assert catalog.find("a1b2") == [Entry(ID, "my talk")]
    (two / "my talk" / "session.yaml").unlink()
    assert catalog.find("a1b2") == []


def test_session_with_an_edited_id_is_found_by_the_new_one(two: Path, catalog: Catalog) -> None:
    assert catalog.find("a1b2") == [FIRST_ID]
    put(two, "0badcafe-5678-40ab-8def-1234567890ab", FIRST_ID.folder)
    assert catalog.find("a1b2") == []
    assert catalog.find("0bad") == [Entry("0badcafe-5678-40ab-8def-1234567890ab", FIRST_ID.folder)]


def test_lookups_after_the_first_read_one_file_each(two: Path, catalog: Catalog, fs: FaultyFileSystem) -> None:
    catalog.headers()
    os.utime(two, (1_000_000, 1_000_000))  # a folder that has just changed is read again
    catalog.find("e5f6")
    fs.calls.clear()
    assert catalog.find("a1b2") == [FIRST_ID]
    assert [name for name, _ in fs.calls] == ["lstat", "read"]


def test_duplicate_id_means_the_folder_named_after_it(two: Path, catalog: Catalog) -> None:
    put(two, ID, "0-Copy", minutes=9)
    assert catalog.find("a1b2") == [FIRST_ID]
    assert ids(catalog) == ["0-copy", OTHER_ID, ID]
    assert [(entry.id, entry.folder) for entry in catalog.find("0-copy")] == [("0-copy", "0-Copy")]
    assert catalog.duplicate_ids() == {"0-Copy": "0-copy"}
    assert f"has the same ID as {FIRST_ID.folder}" in str(catalog.headers()[0].problem)


def test_invalid_session_is_found_by_the_name_of_its_folder(two: Path, catalog: Catalog) -> None:
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
    "with a removed session": lambda header, good: (
        good + index_line("0badcafe-5678-40ab-8def-1234567890ab", "2025-01-01_0badcafe")
    ),
    "swapped": lambda header, good: header + index_line(ID, OTHER.folder) + index_line(OTHER_ID, FIRST_ID.folder),
    "both the same": lambda header, good: header + index_line(ID, FIRST_ID.folder) + index_line(ID, OTHER.folder),
    "absolute": lambda header, good: header + index_line(ID, '"/outside"'),
    "upwards": lambda header, good: header + index_line(ID, '"../outside"'),
    "binary": lambda header, good: "\x00\x01",
}


@pytest.mark.parametrize("kind", POISON)
def test_wrong_index_does_not_change_the_listing(
    two: Path, fs: FaultyFileSystem, kind: str, everything: Callable[[Path], dict[str, bytes | str]]
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


def test_wrong_index_does_not_hide_an_ambiguous_prefix(two: Path, fs: FaultyFileSystem) -> None:
    """Otherwise the wrong one of two sessions could be deleted."""
    other = Entry("a1b2ffff-5678-40ab-8def-1234567890ab", "2025-02-01_a1b2ffff")
    put(two, other.id, other.folder)
    wrong = {FIRST_ID.folder: ID, OTHER.folder: OTHER_ID, other.folder: "0badcafe-5678-40ab-8def-1234567890ab"}
    write_index(fs, two, wrong)
    assert Catalog(fs, two).find("a1b2") == [FIRST_ID, other]


def test_links_are_neither_listed_nor_followed(two: Path, fs: FaultyFileSystem, catalog: Catalog) -> None:
    outside = two.parent / "outside"
    put(outside.parent, "0ff51de0-5678-40ab-8def-1234567890ab", "outside")
    (two / "2025-02-02_0ff51de0").symlink_to(outside)
    assert ids(catalog) == [OTHER_ID, ID]
    assert catalog.find("0ff5") == []
    assert not {path for path in fs.paths() if not path.is_relative_to(two)}


def test_linked_session_file_is_listed_with_its_problem(two: Path, backend: YamlBackend) -> None:
    path = two / FIRST_ID.folder / "session.yaml"
    path.rename(two / "elsewhere.yaml")
    path.symlink_to(two / "elsewhere.yaml")
    problems = [row.problem for row in backend.list_sessions(20) if row.problem]
    assert problems == [f"{path}: cannot be opened: it is a link, and links are not followed"]
    with pytest.raises(StorageError, match=r"session\.yaml is a link, and links are not followed\. Replace it"):
        backend.open(FIRST_ID.id[:8])


def test_hidden_folders_and_files_are_not_listed(two: Path, catalog: Catalog) -> None:
    put(two, "0ff51de0-5678-40ab-8def-1234567890ab", ".trash")
    (two / "notes.txt").write_text("mine")
    assert ids(catalog) == [OTHER_ID, ID]


@pytest.fixture
def copied(sessions_dir: Path) -> Path:
    """The copy of a session's folder, with the name that file managers give to copies."""
    original = save(sessions_dir, FIRST, says="the original")
    save(sessions_dir, SECOND)
    folder = sessions_dir / f"{original.parent.name} (Copy 2)"
    shutil.copytree(original.parent, folder)
    text = original.read_text().replace("the original", "the copy").replace("2025-01-01T09", "2025-01-09T09")
    (folder / "session.yaml").write_text(text)
    return folder


async def test_copy_is_listed_with_a_problem_and_is_never_the_latest(sessions_dir: Path, copied: Path) -> None:
    copy, *others = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert copy.id == copied.name.lower()
    assert "has the same ID as 2025-01-01_a1b2c3d4" in (copy.problem or "")
    assert [row.problem for row in others] == [None, None]
    assert await SessionLibrary(sessions_dir).summarize([copy.id]) == [copy]
    titles = await SessionLibrary(sessions_dir).list_titles()
    assert {title.id: title.title for title in titles}[copy.id] == "the copy"
    assert await SessionLibrary(sessions_dir).find_latest() in {FIRST, SECOND}


async def test_copy_is_read_by_its_name_and_the_original_by_its_id(sessions_dir: Path, copied: Path) -> None:
    for name, says in ((copied.name.lower(), "the copy"), (FIRST[:8], "the original")):
        assert (await SessionLibrary(sessions_dir).load(name)).messages[0].content == says


async def test_hits_in_a_copy_have_its_name(sessions_dir: Path, copied: Path) -> None:
    hits = [hit async for hit in SessionLibrary(sessions_dir).search('"the copy"')]
    assert [hit.session.id for hit in hits] == [copied.name.lower()]


async def test_copy_can_be_forked_but_not_resumed(sessions_dir: Path, copied: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    with pytest.raises(DuplicateSessionId):
        await memory.resume(copied.name)
    assert (await memory.fork(copied.name)).messages[0].content == "the copy"


async def test_copy_can_be_deleted_and_restored_beside_the_original(sessions_dir: Path, copied: Path) -> None:
    await SessionLibrary(sessions_dir).delete(copied.name)
    assert (sessions_dir / "2025-01-01_a1b2c3d4").exists()
    assert not copied.exists()
    with pytest.raises(SessionExists):
        await SessionLibrary(sessions_dir).restore(FIRST)
    assert (await SessionLibrary(sessions_dir).restore(copied.name)).id == copied.name.lower()
    assert copied.exists()


CONFLICT = f"""\
<<<<<<< HEAD
id: {ID}
updated_at: "2025-01-31T14:30:00"
=======
id: {ID}
updated_at: "2025-01-31T15:45:00"
>>>>>>> other
messages:
  - role: user
    content: Hi
"""


@pytest.mark.parametrize("prefix", ["a1b2", "a1b2c3d4", "a1b2c3d4-567", "A1B2C3D4-5678", ID])
@pytest.mark.parametrize(
    ("text", "problem"),
    [(CONFLICT, "session.yaml:1:1: conflict markers of a merge, up to line 7"), ("", "the file is empty")],
)
@pytest.mark.parametrize("known", [False, True])
def test_unreadable_session_is_found_by_any_prefix_of_its_id(
    backend: YamlBackend, prefix: str, text: str, problem: str, known: bool
) -> None:
    """Even if the index has its ID from an earlier version."""
    path = backend.create(session(user("Hi"))).path
    if known:
        assert backend.find(ID)
    path.write_text(text)
    with pytest.raises(SessionFileError, match=problem):
        backend.open(prefix)


def test_unreadable_session_in_a_renamed_folder_is_found_by_the_id_in_its_text(two: Path, backend: YamlBackend) -> None:
    path = put(two, "0badcafe-5678-40ab-8def-1234567890ab", "my talk")
    path.write_text(path.read_text().replace("messages:", "messages: ["))
    with pytest.raises(SessionFileError, match="not closed"):
        backend.open("0badcafe-5678")


@pytest.mark.parametrize("name", [FIRST_ID.folder, FIRST_ID.folder.upper()])
def test_folder_name_finds_its_session(two: Path, backend: YamlBackend, name: str) -> None:
    assert backend.locate(name) == FIRST_ID
    assert not backend.find(FIRST_ID.folder.replace("_a1b2", "_a1b3"))


def test_prefix_of_an_intact_session_is_not_ambiguous_with_an_unreadable_copy(two: Path, backend: YamlBackend) -> None:
    shutil.copytree(two / FIRST_ID.folder, two / "2025-02-02_a1b2c3d4")
    (two / "2025-02-02_a1b2c3d4" / "session.yaml").write_text(CONFLICT)
    assert backend.open(ID).path.parent.name == FIRST_ID.folder
    assert backend.open(ID[:12]).path.parent.name == FIRST_ID.folder


def test_deleted_unreadable_session_is_restored_by_its_full_id(backend: YamlBackend) -> None:
    path = backend.create(session(user("Hi"))).path
    path.write_text(CONFLICT)
    backend.delete(ID)
    assert backend.restore(ID).path == path


@pytest.mark.parametrize("marker", ["<<<<<<<", "=======", ">>>>>>>"])
def test_conflict_marker_in_a_message_is_text(backend: YamlBackend, marker: str) -> None:
    backend.create(session(user(f"<<<<<<< HEAD\na\n{marker} x\n>>>>>>> b\n")))
    assert backend.open(ID).session.messages[0].content == f"<<<<<<< HEAD\na\n{marker} x\n>>>>>>> b\n"


@pytest.mark.parametrize("folders", [("2025-01-31_c0c0c0c0", "2025-02-01_c0c0c0c0"), ("Copy", "COPY")])
async def test_id_of_two_broken_or_copied_sessions_reaches_neither(two: Path, folders: tuple[str, str]) -> None:
    for folder in folders:
        if folder.lower() == "copy":
            shutil.copytree(two / FIRST_ID.folder, two / folder)
        else:
            (two / folder).mkdir()
            (two / folder / "session.yaml").write_text("id: [")
    library = SessionLibrary(two)
    wanted = folders[0].rpartition("_")[2].lower()
    with pytest.raises(AmbiguousPrefix, match=", ".join(sorted(folders))):
        await library.delete(wanted)
    assert sorted(path.name for path in two.iterdir() if path.name in folders) == sorted(folders)
    if wanted != "copy":
        assert (await library.delete(folders[1])).name.startswith(folders[1])
        assert (two / folders[0]).exists()
