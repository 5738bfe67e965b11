"""Files that no program has written are imported as far as possible, or reported."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aloop.importers.databases.sqlite import opened, table_names
from aloop.importers.detect import recognize
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.run import Scan, Selection, find_files
from aloop.importers.source import HEAD, Source, read_below
from aloop.importers.storing.store import ImportStore
from aloop.importers.values import moment
from aloop.memory.context import UNANSWERED
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.sessions_dir.check import Checker
from tests.importers.reading import AT, outline, write_json, write_lines
from tests.saved_sessions import check_all

_HOSTILE: list[Any] = [None, True, -1, 10**400, 1e308, float("inf"), "", "\ud800", "\x1b[2J\x00", "../../etc", [], {}]
_HOSTILE += [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    99_999_999_999_999,
    [[[[{"a": {}}]]]],
    "x" * 70_000,
]

_USES = [{"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "ls"}}]
_RESULTS = [{"type": "tool_result", "tool_use_id": "c1", "content": "a.txt"}]
_CLAUDE: list[Any] = [
    {"type": "user", "uuid": "1", "sessionId": "s", "timestamp": AT, "cwd": "/w", "message": {"content": "Go"}},
    {
        "type": "assistant",
        "uuid": "2",
        "parentUuid": "1",
        "sessionId": "s",
        "timestamp": AT,
        "message": {"content": _USES},
    },
    {
        "type": "user",
        "uuid": "3",
        "parentUuid": "2",
        "sessionId": "s",
        "timestamp": AT,
        "message": {"content": _RESULTS},
    },
    {"type": "user", "uuid": "4", "parentUuid": "2", "sessionId": "s", "timestamp": 1, "message": {"content": "No"}},
]
_CODEX: list[Any] = [
    {"timestamp": AT, "type": "session_meta", "payload": {"id": "s", "cwd": "/w", "timestamp": AT}},
    *(
        {"timestamp": AT, "type": "response_item", "payload": payload}
        for payload in (
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go"}]},
            {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
            {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done"}]},
        )
    ),
]
_PLAIN: list[Any] = [
    {"role": "user", "content": "Go"},
    {"role": "assistant", "content": "Done"},
    {"role": "tool", "content": "x"},
]


def damaged(value: Any, chance: random.Random) -> Any:
    """Return a copy with some values replaced, lost or repeated."""
    if chance.random() < 0.05:
        return chance.choice(_HOSTILE)
    if isinstance(value, dict):
        return {key: damaged(each, chance) for key, each in value.items() if chance.random() > 0.02}
    if isinstance(value, list):
        return [damaged(each, chance) for each in value for _ in range(chance.choice([1] * 30 + [0, 2]))]
    return value


@pytest.mark.parametrize("cases", [60, pytest.param(5_000, marks=pytest.mark.stress)])
def test_damaged_files_are_imported_so_that_the_check_finds_nothing(tmp_path: Path, cases: int) -> None:
    sessions_dir, imported = tmp_path / ".aloop" / "sessions", 0
    for number in range(cases):
        chance = random.Random(number)
        lines = [damaged(line, chance) for line in chance.choice([_CLAUDE, _CODEX, _PLAIN])]
        path = write_lines(tmp_path / f"{number}.jsonl", *lines)
        for one in Scan(Selection(branches=True)).read([path]):
            ImportStore(sessions_dir).put(one)
            imported += 1
    assert imported > cases / 3
    assert [str(finding) for finding in check_all(Checker(SYSTEM, sessions_dir, fix=False))] == []


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), float("inf"), float("nan"), True, "0001-01-01", "9999-12-31", [], {}]
)
def test_time_that_cannot_be_is_none(value: object) -> None:
    assert moment(value) is None


def talk(*, answered: bool) -> Imported:
    builder = Builder("codex", "0199")
    builder.answer().add_text("Welcome!")
    builder.user("Go", moment(AT))
    builder.answer(moment(AT)).add_call("c1", "look", "{}")
    if answered:
        builder.result("c1", "a.txt", moment(AT))
    builder.result("c9", "of no call", moment(AT))
    return builder.build()


def test_call_without_a_result_gets_a_placeholder_until_its_result_has_come(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(answered=False)).session_id

    def contents() -> list[tuple[str | None, bool]]:
        store = ImportStore(sessions_dir).backend
        return [(message.content, message.skip) for message in store.open(session_id).session.messages[1:]]

    rest = [("of no call", True)]
    start = [("Welcome!", True), ("Go", False), (None, False)]
    assert contents() == [*start, (UNANSWERED, False), *rest]
    assert ImportStore(sessions_dir).put(talk(answered=False)).action == "unchanged"
    assert ImportStore(sessions_dir).put(talk(answered=True)).action == "updated"
    assert contents() == [*start, ("a.txt", False), *rest]
    assert ImportStore(sessions_dir).put(talk(answered=True)).action == "unchanged"


def test_archive_that_expands_too_much_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", "[" + " " * 50_000_000 + "]")
    scan = Scan(Selection())
    assert list(scan.read([path])) == []
    assert list(scan.problems) == ["members of archives that are too large: conversations.json"]


def test_archive_in_an_unknown_method_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", "[]")
    path.write_bytes(
        path.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63")
    )
    scan = Scan(Selection())
    assert list(scan.read([path])) == []
    assert list(scan.problems) == ["archives that cannot be read: export.zip"]


@pytest.mark.parametrize("name", ["export.zip", "export.json.gz"])
def test_archive_that_cannot_be_opened_is_reported_and_the_next_file_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    scan = Scan(Selection())
    [imported] = scan.read([tmp_path / name, write_json(tmp_path / "talk.json", _PLAIN)])
    assert imported.messages
    assert scan.problems == {f"archives that cannot be read: {name}": 1}


def test_links_and_pipes_in_a_folder_are_left_out(tmp_path: Path) -> None:
    outside = write_json(tmp_path / "outside.json", _PLAIN)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.json").symlink_to(outside)
    os.mkfifo(folder / "pipe.json")
    own = write_json(folder / "own.json", _PLAIN)
    assert find_files(folder) == [own]


def test_file_beside_a_conversation_is_read_only_below_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    for path in (folder / ".." / "secret.json", folder / "link" / "secret.json", folder / "pipe", folder / "a\0b"):
        with pytest.raises(OSError, match=r"No such file|not a regular file"):
            read_below(folder, path)
    (folder / "own").write_text("mine")
    assert read_below(folder, folder / "own") == b"mine"


def test_opencode_session_is_read_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = tmp_path / "storage"
    info = {"id": "ses_1", "directory": "/w", "version": "1", "title": "T"}
    path = write_json(storage / "session" / "p" / "ses_1.json", info)
    write_json(storage / "message/ses_1/m.json", {"id": "m", "role": "user", "sessionID": "ses_1"})
    write_json(storage / "part/m/1.json", {"type": "text", "text": "Hello"})
    monkeypatch.chdir(path.parent)
    [imported] = Scan(Selection(form="opencode")).read([Path("ses_1.json")])
    assert outline(imported) == [("user", "Hello")]


def test_opencode_parts_outside_the_storage_are_not_read(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    info = {"id": "ses_1", "directory": "/w", "version": "1", "title": "T", "time": {"created": 1, "updated": 2}}
    path = write_json(storage / "session" / "p" / "ses_1.json", info)
    write_json(storage / "message" / "ses_1" / "m.json", {"id": "../../outside", "role": "user", "sessionID": "ses_1"})
    write_json(tmp_path / "outside" / "secret.json", {"type": "text", "text": "a secret"})
    found = list(Scan(Selection(form="opencode", branches=True)).read([path]))
    assert "a secret" not in json.dumps([message.content for one in found for message in one.messages])


def test_opencode_outputs_outside_their_folder_are_not_read(tmp_path: Path) -> None:
    storage, secret = tmp_path / "opencode/storage", tmp_path / "opencode/secret"
    path = write_json(
        storage / "session/p/ses_1.json", {"id": "ses_1", "directory": "/w", "version": "1", "title": "T"}
    )
    write_json(storage / "message/ses_1/m.json", {"id": "m", "role": "assistant", "sessionID": "ses_1"})
    write_json(secret, "a secret")
    link = tmp_path / "opencode/tool-output/tool_link"
    link.parent.mkdir()
    link.symlink_to(secret)
    names = (str(secret), "../secret", "..", "tool_link", "tool_gone")
    for number, name in enumerate(names):
        state = {"status": "completed", "output": "part", "metadata": {"outputPath": name}}
        part = {"type": "tool", "callID": f"c{number}", "tool": "bash", "state": state}
        write_json(storage / f"part/m/{number}.json", part)
    [imported] = Scan(Selection(form="opencode", branches=True)).read([path])
    assert [message.content for message in imported.messages if message.role == "tool"] == ["part"] * len(names)
    assert imported.losses == {"long results whose file is gone": len(names)}


def test_computed_column_of_a_database_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a, b AS (zeroblob(900000000)))")
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    assert table_names(path) == {"t"}
    with pytest.raises(Exception, match="too big"), opened(path) as connection:
        connection.execute("SELECT b FROM t").fetchone()


def test_damaged_database_is_reported_and_the_next_file_is_read(tmp_path: Path) -> None:
    bad, good = tmp_path / "a.db", write_lines(tmp_path / "b.jsonl", *_PLAIN)
    with sqlite3.connect(bad) as connection:
        connection.execute("CREATE TABLE sessions (id)")
        connection.execute("CREATE TABLE messages (id)")
    connection.close()
    scan = Scan(Selection(form="goose"))
    assert list(scan.read([bad])) == []
    assert len(scan.problems) == 1
    scan.selection.form = ""
    bad.write_bytes(bad.read_bytes()[:4_096])
    assert len(list(scan.read([bad, good]))) == 1


def test_reader_that_fails_is_reported_and_the_next_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = write_lines(tmp_path / "a.jsonl", *_PLAIN), write_lines(tmp_path / "b.jsonl", *_PLAIN)
    lines = Source.lines

    def fail(source: Source) -> Iterator[dict[str, Any]]:
        if source.path == bad:
            raise KeyError("role")
        return lines(source)

    monkeypatch.setattr(Source, "lines", fail)
    scan = Scan(Selection(form="openai"))
    assert [len(one.messages) for one in scan.read([bad, good])] == [3]
    assert list(scan.problems) == ["files in an unexpected form: a.jsonl: 'role'"]


def test_format_is_recognized_in_linear_time_if_a_long_string_with_quotation_marks_is_cut_off(tmp_path: Path) -> None:
    talk = {"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": ['"' * HEAD]}}}}}
    path = write_json(tmp_path / "conversations.json", [talk])
    start = time.process_time()
    assert recognize(Source(path)) == "chatgpt"
    assert time.process_time() - start < 5  # each quotation mark as a start would take minutes
