"""Headers, rows, first questions and last messages of sessions."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.errors import AloopError, SessionFileError, UsageError
from aloop.llm.json_values import JsonObject
from aloop.memory import SessionLibrary
from aloop.memory.codec.serialization import dump_session
from aloop.memory.sessions_dir import preview
from aloop.memory.sessions_dir.header import HEADER_SIZE
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.preview import (
    ENDING_SIZE,
    SessionHeader,
    find_first_question,
    read_ending,
    read_header,
    read_summary,
)
from tests.benchmarks.sample import conversation
from tests.memory.examples import ID, NOON, SPEC_SAMPLE, session, user
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, SECOND, break_session, save

FOLDER = "2025-01-31_a1b2c3d4"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    return tmp_path / FOLDER / "session.yaml"


def test_row_of_a_large_session_equals_the_parsed_one(
    fs: FaultyFileSystem, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = [user("Why?\n  - role: user\nmessages:\n"), user("b")] * 20
    path.write_bytes(dump_session(session(*talk, system="Be\nkind.")))
    header = head(fs, path)
    assert header
    parsed = read_summary(fs, path.parents[1], header)
    monkeypatch.setattr(preview, "_LARGE", 100)
    monkeypatch.setattr(preview, "load_session", None)
    assert read_summary(fs, path.parents[1], header) == parsed
    assert parsed.message_count == 40


@pytest.mark.parametrize("start", ["", "title: mine\n"])
async def test_too_large_session_is_listed_with_the_limit_and_not_read(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    """A file of 1 GB takes 1 MB in a clone, and 9 GB of memory when it is read."""
    path = save(sessions_dir, FIRST)
    path.write_text(start + path.read_text())
    os.truncate(path, 1_000_000_000)
    library = SessionLibrary(sessions_dir)
    tracemalloc.start()
    (row,) = await library.list_sessions()
    for read in (library.load, library.load_ending, library.stats):
        with pytest.raises(AloopError, match="it is 1,000 MB, more than the limit of 256 MB") as error:
            await read(row.id)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert str(error.value).endswith("Set ALOOP_MAX_SESSION_MB=1000 to read it.")
    assert row.problem
    assert "more than the limit" in row.problem
    assert "more than the limit" in (await library.check())[-1].message
    os.truncate(path, 2_000_000)
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "1")
    with pytest.raises(AloopError, match="it is 2 MB, more than the limit of 1 MB"):
        await library.load(row.id)
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "many")
    with pytest.raises(UsageError, match="ALOOP_MAX_SESSION_MB must be a number of megabytes, not 'many'"):
        await library.load(row.id)


_KEYS = f'id: {ID}\ncreated_at: "{NOON.isoformat()}"\nupdated_at: "{NOON.isoformat()}"\n'
_TALK = "messages:\n" + ("- role: user\n  content: |\n    - Why?\n" + "    Because.\n" * 50) * 400
_LARGE_FILES = {
    "first": f"# mine\ntitle: Long\n{_KEYS}{_TALK}",
    "last": f"title: Long\n{_TALK}{_KEYS}",
    "around": f"title: Long\n{_KEYS.replace('updated_at', 'x')}{_TALK}updated_at: {NOON.isoformat()}\n",
    "one line": json.dumps(
        {"id": ID, "title": "Long", "updated_at": NOON.isoformat(), "messages": [], "x": "é" * 99_999}
    ),
    "UTF-16": f"\ufeff{_KEYS}title: Long\n{_TALK}",
}


@pytest.mark.parametrize("kind", _LARGE_FILES)
def test_header_of_a_large_file_in_another_layout_is_read_without_the_rest(
    fs: FaultyFileSystem, path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path.write_bytes(_LARGE_FILES[kind].encode("utf-16-le" if kind == "UTF-16" else "utf-8"))
    monkeypatch.setattr(preview, "WHOLE_SIZE", 50_000)
    monkeypatch.setattr(preview, "_EDGE_SIZE", 3_000)
    monkeypatch.setattr(preview, "load_session", None)
    assert head(fs, path) == SessionHeader(FOLDER, ID, NOON, "Long")


@pytest.mark.parametrize("title", ["", "Say hello", "界" * 80])
async def test_origin_of_an_imported_session_is_read_from_its_first_lines(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    imported = JsonObject({"imported": {"from": "claude-code", "id": "x", "branch": "b", "kind": "branch"}})
    whole = replace(
        session(user("Hi")), title=title, extra=imported, forked_from=ID, model="claude-sonnet-4-5-20250929"
    )
    whole = replace(whole, system_digest="0" * 64, tools_digest="1" * 64)
    other = save(sessions_dir, SECOND)
    path = sessions_dir / FOLDER / "session.yaml"
    path.parent.mkdir()
    path.write_bytes(dump_session(whole))
    library = SessionLibrary(sessions_dir)
    titles, rows = await library.list_titles(), await library.list_sessions()
    assert {each.id: each.origin for each in titles} == {whole.id: "claude-code", SECOND: None}
    assert {each.id: each.origin for each in rows} == {whole.id: "claude-code", SECOND: None}
    assert {each.id: each.kind for each in titles} == {whole.id: "branch", SECOND: None}
    assert {each.id: each.kind for each in rows} == {whole.id: "branch", SECOND: None}
    # Also in other layouts, for which the whole file is read.
    path.write_text(f"version: 1\n{path.read_text()}")
    other.write_text(other.read_text().replace("system_messages:", "imported: yes\nsystem_messages:"))
    assert {each.id: each.origin for each in await library.list_titles()} == {whole.id: "claude-code", SECOND: None}
    assert {each.kind for each in await library.list_titles()} == {"branch", None}
    monkeypatch.setattr(preview, "_LARGE", 100)
    path.write_bytes(dump_session(whole) + b"z: end\n")
    found = await library.list_sessions()
    assert {(each.origin, each.kind) for each in found} == {("claude-code", "branch"), (None, None)}


@pytest.mark.parametrize("kind", ["first", "last", "around"])
def test_row_of_a_large_file_in_another_layout_equals_the_parsed_one(
    fs: FaultyFileSystem, path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path.write_text(_LARGE_FILES[kind])
    header = head(fs, path)
    assert header
    parsed = read_summary(fs, path.parents[1], header)
    monkeypatch.setattr(preview, "_LARGE", 100)
    if kind != "around":  # without a key after the list
        path.write_text(f"{_LARGE_FILES[kind]}z: end\n")
    monkeypatch.setattr(preview, "load_session", None)
    assert read_summary(fs, path.parents[1], header) == parsed
    assert parsed.message_count == 400


def test_large_file_without_a_header_near_its_ends_is_reported(
    fs: FaultyFileSystem, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(f"{_TALK}{_KEYS}note: |\n" + "  more\n" * 1_000)
    monkeypatch.setattr(preview, "WHOLE_SIZE", 50_000)
    monkeypatch.setattr(preview, "_EDGE_SIZE", 3_000)
    header = head(fs, path)
    assert header
    assert "put it first" in str(header.problem)


def head(fs: FaultyFileSystem, path: Path) -> SessionHeader | None:
    return read_header(fs, str(path.parents[1]), FOLDER)


def test_header_of_a_file_written_by_aloop_takes_one_read(fs: FaultyFileSystem, path: Path) -> None:
    path.write_bytes(dump_session(session(user("x" * 5_000))))
    assert head(fs, path) == SessionHeader(FOLDER, ID, NOON)
    assert [name for name, _ in fs.calls] == ["read"]


def test_header_does_not_depend_on_the_rest_of_the_file(fs: FaultyFileSystem, path: Path) -> None:
    """Errors in the rest are found when the session is shown."""
    path.write_bytes(dump_session(session(user("x" * HEADER_SIZE)))[:HEADER_SIZE] + b"\n\t*\xff")
    assert head(fs, path) == SessionHeader(FOLDER, ID, NOON)


@pytest.mark.parametrize(
    "data",
    [
        SPEC_SAMPLE,
        b"title: first\n" + SPEC_SAMPLE,
        b"\xef\xbb\xbf" + SPEC_SAMPLE,
        SPEC_SAMPLE.replace(b"\n", b"\r\n"),
        SPEC_SAMPLE.replace(b"a1b2c3d4-", b"A1B2C3D4-"),
        SPEC_SAMPLE.replace(b"updated_at", b"x: y\nupdated_at"),
        b"# long\n" * 200 + SPEC_SAMPLE,
    ],
)
def test_header_in_another_layout_is_read_from_the_whole_file(fs: FaultyFileSystem, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    found = head(fs, path)
    assert found is not None
    assert found.id == "a1b2c3d4-5678-90ab-cdef-1234567890ab"
    assert found.updated_at == datetime.fromisoformat("2025-01-31T15:45:00").astimezone()
    assert found.problem is None


@pytest.mark.parametrize("data", [b"", b"id: [", b"\xff", b"messages: []\n"])
def test_invalid_file_gets_the_id_of_its_folder_and_its_file_time(
    fs: FaultyFileSystem, path: Path, data: bytes
) -> None:
    path.write_bytes(data)
    os.utime(path, (1_000_000, 1_000_000))
    found = head(fs, path)
    assert found is not None
    assert (found.id, found.updated_at) == ("a1b2c3d4", datetime.fromtimestamp(1_000_000, UTC))
    assert found.problem is not None
    assert found.problem.path == path


def test_file_without_a_time_gets_its_file_time(fs: FaultyFileSystem, path: Path) -> None:
    path.write_text(f"id: {ID}\nmessages:\n- {{role: user, content: Hi}}\n")
    os.utime(path, (1_000_000, 1_000_000))
    found = head(fs, path)
    assert found is not None
    moment = datetime.fromtimestamp(1_000_000, UTC)
    assert found.updated_at == moment
    summary = read_summary(fs, path.parents[1], found)
    assert (summary.created_at, summary.updated_at, summary.problem) == (moment, moment, None)


@pytest.mark.parametrize("refused", ["read", "lstat"])
def test_file_that_cannot_be_opened_gets_its_file_time_or_that_of_its_folder(
    fs: FaultyFileSystem, path: Path, refused: str
) -> None:
    path.touch()
    os.utime(path, (1_000_000, 1_000_000))
    os.utime(path.parent, (2_000_000, 2_000_000))
    fs.fail("read", number=errno.EACCES)
    fs.fail(refused, number=errno.EACCES, on=path.name)
    found = head(fs, path)
    assert found is not None
    assert found.updated_at == datetime.fromtimestamp(1_000_000 if refused == "read" else 2_000_000, UTC)
    assert str(found.problem) == f"{path}: cannot be opened: Permission denied"


def test_invalid_time_is_a_problem_not_an_error(fs: FaultyFileSystem, path: Path) -> None:
    path.write_bytes(SPEC_SAMPLE.replace(b"2025-01-31T15:45:00", b"the day after tomorrow"))
    found = head(fs, path)
    assert found is not None
    assert "updated_at" in str(found.problem)


def test_folder_without_a_session_has_no_header(fs: FaultyFileSystem, path: Path) -> None:
    assert head(fs, path) is None
    path.parent.rmdir()
    assert head(fs, path) is None
    path.parent.touch()
    assert head(fs, path) is None


def test_link_or_folder_in_place_of_the_file_is_a_problem(fs: FaultyFileSystem, path: Path) -> None:
    outside = path.parents[1] / "outside.yaml"
    outside.write_bytes(SPEC_SAMPLE)
    path.symlink_to(outside)
    found = head(fs, path)
    assert found is not None
    assert found.id == "a1b2c3d4"
    assert "cannot be opened" in str(found.problem)
    path.unlink()
    path.mkdir()
    found = head(fs, path)
    assert found is not None
    assert "cannot be opened" in str(found.problem)


def test_pipe_in_place_of_the_file_does_not_block(fs: FaultyFileSystem, path: Path) -> None:
    os.mkfifo(path)
    found = head(fs, path)
    assert found is not None
    assert found.problem is not None


def test_file_without_read_permission_is_a_problem(fs: FaultyFileSystem, path: Path) -> None:
    path.write_bytes(SPEC_SAMPLE)
    fs.fail("read", number=errno.EACCES)
    found = head(fs, path)
    assert found is not None
    assert "Permission denied" in str(found.problem)


@pytest.mark.parametrize(
    ("folder", "short"), [(FOLDER, "a1b2c3d4"), ("My_Old_Talk", "talk"), ("plain", "plain"), ("2025_A1B2", "a1b2")]
)
def test_short_name_is_the_end_of_the_folder_name(folder: str, short: str) -> None:
    assert short_name(folder) == short


@pytest.mark.parametrize(
    "said",
    ["one line", "two\nlines", "  indented\n\nand more", 'with "quotes" and: colons', "日本語 🎉", "it's", "true"],
)
def test_first_question_is_found_in_files_written_by_aloop(said: str) -> None:
    data = dump_session(session(user(said), user("another")))
    assert find_first_question(data) == " ".join(said.split())


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("messages:\n- role: user\n  content: plain\n- role: user\n  content: b\n", "plain"),
        ("messages:\n- role: 'user'\n  content: >-\n    folded\n    text\n- role: x\n", "folded text"),
        ('messages:\n  - role: user\n    content: "cut in the mid', "cut in the mid"),
        ("messages: []\n", ""),
        ("", ""),
    ],
)
def test_first_question_is_found_in_most_files_written_by_hand(text: str, question: str) -> None:
    assert find_first_question(text.encode()) == question


async def test_first_questions_are_by_id_despite_an_invalid_session(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="About the weather")
    save(sessions_dir, SECOND, says="About the sea")
    break_session(sessions_dir)
    found = await SessionLibrary(sessions_dir).list_first_questions()
    assert (found[FIRST], found[SECOND]) == ("About the weather", "About the sea")


def test_ending_of_a_long_conversation_is_a_part_of_it() -> None:
    talk = conversation(1_000_000)
    ending = read_ending(dump_session(talk), Path())
    assert 0 < len(ending) < len(talk.messages) / 4
    assert talk.messages[-len(ending) :] == ending


def test_ending_of_a_long_file_written_by_hand_includes_the_last_message() -> None:
    lines = "".join(f"- {{role: user, content: number {number}}}\n" for number in range(10_000))
    data = f"id: {FIRST}\nmessages:\n{lines}".encode()
    assert len(data) > ENDING_SIZE
    assert read_ending(data, Path())[-1].content == "number 9999"


def test_ending_of_an_invalid_file_is_an_error_with_its_line() -> None:
    with pytest.raises(SessionFileError, match=":3:"):
        read_ending(b"id: x\nmessages:\n  - 'no end", Path("session.yaml"))
