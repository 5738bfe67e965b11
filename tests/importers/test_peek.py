"""Sessions of other tools by the beginnings and ends of their files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.importers import peek
from aloop.importers.peek import Glimpse, News, Stored, ending, glimpses, glimpses_of, offers, read_whole, summary
from aloop.importers.places import files_of
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore
from aloop.importers.transcript import session_id_of
from aloop.memory.sessions_dir.yaml_backend import YamlBackend, rename_session
from tests.cli.exchange.test_import import claude_session
from tests.importers.reading import (
    AT,
    LATER,
    codex_session,
    database,
    enter_folder_that_is_not_utf8,
    write_json,
    write_lines,
)


def end_at(path: Path, day: int) -> None:
    """Set the time of all messages; the files are as old as a copy is."""
    path.write_text(re.sub(r'"2026-[0-9-]+T', f'"2026-02-0{day}T', path.read_text()))
    os.utime(path, (1_000 - day, 1_000 - day))


def test_time_of_a_long_session_is_that_of_its_last_message(private_home: Path) -> None:
    path = codex_session(private_home, Path.cwd(), 1)
    *before, last = path.read_text().splitlines(keepends=True)
    assert len("".join(before)) > 65_536
    path.write_text("".join([*before, last.replace(AT, LATER)]))
    os.utime(path, (1_000, 1_000))
    [glimpse] = glimpses(Path.cwd())
    assert glimpse.updated_at == datetime.fromisoformat(LATER)


def test_sessions_of_this_folder_are_found_newest_first(private_home: Path) -> None:
    here = Path.cwd()
    end_at(claude_session(here, private_home), 1)
    end_at(codex_session(private_home, here, 1), 3)
    end_at(codex_session(private_home, here, 2), 2)
    codex_session(private_home, private_home / "elsewhere", 3)
    found = glimpses(here)
    assert [(each.tool, each.title) for each in found] == [
        ("codex", "Question 1"),
        ("codex", "Question 2"),
        ("claude-code", "Asked in work"),
    ]
    assert summary(found) == "2 from Codex, 1 from Claude Code"


def test_session_of_a_folder_whose_name_json_escapes_is_found(private_home: Path) -> None:
    here = Path.cwd() / 'a "quoted" \\ name'
    codex_session(private_home, here, 1)
    assert [each.title for each in glimpses(here)] == ["Question 1"]
    assert glimpses(Path.cwd()) == []


def test_ending_is_read_without_the_middle_and_the_whole_on_import(private_home: Path) -> None:
    codex_session(private_home, Path.cwd(), 1)
    [glimpse] = glimpses(Path.cwd())
    assert [message.content for message in ending(glimpse)] == ["The last one"]
    imported = read_whole(glimpse)
    assert imported is not None
    assert len(imported.messages) == 3


def test_ending_of_a_session_whose_last_lines_are_long_or_no_messages_has_the_messages_before(
    private_home: Path,
) -> None:
    path = codex_session(private_home, Path.cwd(), 1)
    event = {"timestamp": AT, "type": "event_msg", "payload": {"type": "other", "text": "x" * 2_000_000}}
    path.write_text(path.read_text() + json.dumps(event) + "\n")
    [glimpse] = glimpses(Path.cwd())
    assert [message.content for message in ending(glimpse)][-1] == "The last one"


def test_ending_of_a_document_that_is_too_large_is_not_read(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = hashlib.sha256(str(Path.cwd()).encode()).hexdigest()
    messages = [{"id": "1", "type": "user", "content": "Start"}, {"id": "2", "type": "gemini", "content": "x" * 2_000}]
    path = private_home / ".gemini/tmp" / name / "chats/session-1.json"
    write_json(path, {"sessionId": "g1", "projectHash": name, "messages": messages})
    [glimpse] = glimpses(Path.cwd())
    assert len(ending(glimpse)) == 2
    monkeypatch.setattr(peek, "_PIECES", (100, 1_000))
    assert ending(glimpse) == ()


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"type": "session_meta", "payload": 3}\n'])
def test_files_that_are_no_sessions_are_ignored(private_home: Path, data: bytes) -> None:
    path = codex_session(private_home, Path.cwd(), 1)
    path.write_bytes(data)
    assert glimpses(Path.cwd()) == []


def test_session_whose_first_line_is_long_or_that_is_one_document_is_found(private_home: Path) -> None:
    here = Path.cwd()
    path = claude_session(here, private_home)
    snapshot = {"type": "file-history-snapshot", "messageId": "1", "snapshot": {"text": "x" * 300_000}}
    rest = path.read_bytes()
    write_lines(path, snapshot)
    path.write_bytes(path.read_bytes() + rest)
    name = hashlib.sha256(str(here).encode()).hexdigest()
    messages = [{"id": "1", "type": "user", "content": "Start"}, {"id": "2", "type": "gemini", "content": "x" * 90_000}]
    gemini = {"sessionId": "g1", "projectHash": name, "messages": messages}
    write_json(private_home / ".gemini/tmp" / name / "chats/session-1.json", gemini)
    found = {each.tool: each for each in glimpses(here)}
    assert {tool: each.title for tool, each in found.items()} == {"claude-code": "Asked in work", "gemini-cli": "Start"}
    assert [message.role for message in ending(found["gemini-cli"])] == ["user", "assistant"]


def test_session_in_a_subfolder_is_found_only_if_the_path_of_its_file_names_this_folder(private_home: Path) -> None:
    here = Path.cwd()
    codex_session(private_home, here / "part", 1)
    path = claude_session(here, private_home)
    path.write_text(path.read_text().replace(f'"cwd": "{here}"', f'"cwd": "{here}/part"'))
    assert [each.tool for each in glimpses(here)] == ["claude-code"]


def opencode_database(path: Path, folder: Path) -> None:
    """Write a database with a session here, one elsewhere and an empty one."""
    rows: list[tuple[str, tuple[object, ...]]] = []
    for name, place in (("ses_1", folder), ("ses_2", folder / "elsewhere"), ("ses_3", folder)):
        values = (name, None, "quick-fox", f"Title {name}", str(place), "1", None, 1_000, 1_795_905_871_465)
        rows.append(("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values))
    for name in ("ses_1", "ses_2"):
        for at, role in enumerate(("user", "assistant")):
            message_id = f"msg_{name}_{role}"
            data = json.dumps({"role": role, "time": {"created": 1_795_905_871_465 + at}})
            rows.append(("INSERT INTO message VALUES (?, ?, 1000, ?)", (message_id, name, data)))
            part = json.dumps({"type": "text", "text": f"{role} of {name}"})
            rows.append(("INSERT INTO part VALUES (?, ?, ?, ?)", (f"p_{message_id}", message_id, name, part)))
    database(
        path,
        "CREATE TABLE session (id, parent_id, slug, title, directory, version, revert, time_created, time_updated);"
        "CREATE TABLE message (id, session_id, time_created, data);"
        "CREATE TABLE part (id, message_id, session_id, data);",
        *rows,
    ).close()


def goose_database(path: Path, folder: Path) -> None:
    """Write a database of goose with a session and a run of a subagent."""
    content = json.dumps([{"type": "text", "text": "Hi"}])
    rows: list[tuple[str, tuple[object, ...]]] = []
    for name, kind in (("20260122_1", "user"), ("20260122_2", "sub_agent")):
        values = (name, "A talk", "", kind, str(folder), "2026-01-22 10:00:00", "2026-01-22 11:00:00", None)
        rows.append(("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values))
        rows.append(("INSERT INTO messages VALUES (1, ?, 'user', ?, 1795905871, NULL)", (name, content)))
    database(
        path,
        "CREATE TABLE sessions (id, name, description, session_type, working_dir, created_at, updated_at,"
        " model_config_json);"
        "CREATE TABLE messages (id, session_id, role, content_json, created_timestamp, metadata_json);",
        *rows,
    ).close()


def test_folder_whose_name_is_not_utf8_is_looked_up_as_other_tools_note_it(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = enter_folder_that_is_not_utf8(monkeypatch)
    noted = here.with_name("caf\ufffd")
    opencode_database(private_home / ".local/share/opencode/opencode.db", noted)
    codex_session(private_home, noted, 1)
    codex_session(private_home, noted / "below", 2)
    claude_session(noted, private_home)
    pi = private_home / f".pi/agent/sessions/--{str(noted).strip('/').replace('/', '-')}--/1_a.jsonl"
    said = {"type": "message", "id": "m1", "timestamp": AT, "message": {"role": "user", "content": "Hi"}}
    write_lines(pi, {"type": "session", "id": "a", "version": 3, "timestamp": AT, "cwd": str(noted)}, said)
    vibe = private_home / ".vibe/logs/session/session_1_x"
    write_lines(vibe / "messages.jsonl", {"role": "user", "content": "Hi"})
    write_json(vibe / "meta.json", {"session_id": "v", "environment": {"working_directory": str(noted)}})
    assert Counter(each.tool for each in glimpses(here)) == dict.fromkeys(
        ("opencode", "codex", "claude-code", "pi", "mistral-vibe"), 1
    )
    for tool in ("opencode", "codex", "claude-code", "pi"):
        scan = Scan(Selection(folders=(here,)))
        assert len(list(scan.read(files_of(tool, here)))) == 1


def test_databases_are_listed_by_a_query_and_one_session_is_imported(private_home: Path) -> None:
    here = Path.cwd()
    opencode_database(private_home / ".local/share/opencode/opencode.db", here)
    goose_database(private_home / ".local/share/goose/sessions/sessions.db", here)
    found = {each.tool: each for each in glimpses(here)}
    assert summary(list(found.values())) == "1 from opencode, 1 from goose"
    first = found["opencode"]
    assert (first.title, first.foreign_id, first.updated_at.year) == ("Title ses_1", "ses_1", 2026)
    assert [message.content for message in ending(first)] == ["user of ses_1", "assistant of ses_1"]
    imported = read_whole(found["goose"])
    assert imported is not None
    assert (imported.foreign_id, len(imported.messages)) == ("20260122_1", 1)


def test_sessions_of_tools_with_files_are_found_if_they_name_this_folder(private_home: Path) -> None:
    here = Path.cwd()
    for folder, name in ((here, "here"), (private_home / "elsewhere", "there")):
        vibe = private_home / f".vibe/logs/session/session_{name}"
        write_lines(vibe / "messages.jsonl", {"role": "user", "content": f"Vibe {name}"})
        write_json(vibe / "meta.json", {"session_id": name, "environment": {"working_directory": str(folder)}})
        roo = private_home / ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/tasks" / name
        write_json(roo / "api_conversation_history.json", [{"role": "user", "content": f"Roo {name}"}])
        write_json(roo / "history_item.json", {"task": f"Task {name}", "workspace": str(folder)})
        kimi = private_home / f".kimi-code/sessions/wd_1/session_{name}"
        message = {"role": "user", "content": f"Kimi {name}", "disclosed": {"cwd": "/elsewhere"}}
        meta = {"type": "metadata", "protocol_version": "1"}
        write_lines(kimi / "agents/main/wire.jsonl", meta, {"type": "context.append_message", "message": message})
        write_json(kimi / "state.json", {"workDir": str(folder)})
    Path(".aider.chat.history.md").write_text(
        "# aider chat started at 2026-01-21 10:00:00\n\n#### Aider one\n\nYes.\n\n"
        "# aider chat started at 2026-01-22 10:00:00\n\n#### Aider two\n\nNo.\n"
    )
    found = glimpses(here)
    assert sorted(each.title for each in found) == ["Aider one", "Aider two", "Kimi here", "Task here", "Vibe here"]
    for glimpse in found:
        assert ending(glimpse)
        imported = read_whole(glimpse)
        assert imported is not None
        assert session_id_of(glimpse.tool, imported.foreign_id) == glimpse.session_id


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\x00" + b"\0" * 5_000, b"garbage"])
def test_broken_store_of_one_tool_hides_no_other(private_home: Path, data: bytes) -> None:
    for name in (".local/share/opencode/opencode.db", ".local/share/goose/sessions/sessions.db"):
        path = private_home / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    Path(".aider.chat.history.md").mkdir()
    codex_session(private_home, Path.cwd(), 1)
    assert [each.tool for each in glimpses(Path.cwd())] == ["codex"]


def test_locked_database_is_left_out_without_a_wait_and_a_broken_one_is_an_error(private_home: Path) -> None:
    here = Path.cwd()
    path = private_home / ".local/share/opencode/opencode.db"
    opencode_database(path, here)
    codex_session(private_home, here, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert [each.tool for each in glimpses(here)] == ["codex"]
    found = {each.tool: each for each in glimpses(here)}
    assert len(found) == 2
    path.write_bytes(b"SQLite format 3\x00" + b"\0" * 5_000)
    for read in (ending, read_whole):
        with pytest.raises(StorageError, match="Could not read the session of opencode: "):
            read(found["opencode"])


def take(glimpse: Glimpse, sessions_dir: Path) -> str:
    """Import a session and return its ID here."""
    imported = read_whole(glimpse)
    assert imported is not None
    return ImportStore(sessions_dir).put(imported).session_id


def news(sessions_dir: Path, tool: str) -> list[News]:
    return list(map(Stored(sessions_dir).news_of, glimpses_of(tool, Path.cwd())))


def test_session_that_was_continued_or_deleted_here_is_not_offered(private_home: Path, sessions_dir: Path) -> None:
    path = codex_session(private_home, Path.cwd(), 1)
    [glimpse] = offers(sessions_dir)
    session_id = take(glimpse, sessions_dir)
    assert offers(sessions_dir) == []
    [line] = path.read_text().splitlines()[-1:]
    path.write_text(path.read_text() + line.replace(AT, LATER).replace("The last one", "And more") + "\n")
    assert news(sessions_dir, "codex") == ["grown"]
    rename_session(YamlBackend(sessions_dir), session_id, "Another title")
    assert [each.session_id for each in offers(sessions_dir)] == [session_id]
    [file] = sessions_dir.glob("*/session.yaml")
    text = file.read_text()
    file.write_text(re.sub(r"^updated_at: .*", 'updated_at: "2027-01-22T18:00:00.000+00:00"', text, flags=re.MULTILINE))
    assert news(sessions_dir, "codex") == ["grown"]
    file.write_text(text.replace('content: "Question 1"', 'content: "Changed"'))
    assert news(sessions_dir, "codex") == [""]
    file.write_text(text)
    assert news(sessions_dir, "codex") == ["grown"]
    YamlBackend(sessions_dir).delete(session_id)
    assert news(sessions_dir, "codex") == [""]


def test_last_session_of_aider_is_offered_when_it_has_grown(sessions_dir: Path) -> None:
    path = Path(".aider.chat.history.md")
    talks = [f"# aider chat started at 2026-01-2{n} 10:00:00\n\n#### Question {n}\n\nYes.\n\n" for n in (1, 2)]
    path.write_text("".join(talks))
    assert news(sessions_dir, "aider") == ["new", "new"]
    for glimpse in offers(sessions_dir):
        take(glimpse, sessions_dir)
    assert news(sessions_dir, "aider") == ["", ""]
    path.write_text("".join([*talks, "#### And now?\n\nNo.\n\n"]))
    assert sorted(news(sessions_dir, "aider")) == ["", "grown"]


def test_session_in_a_database_is_offered_when_it_has_grown(private_home: Path, sessions_dir: Path) -> None:
    path = private_home / ".local/share/opencode/opencode.db"
    opencode_database(path, Path.cwd())
    [glimpse] = offers(sessions_dir)
    take(glimpse, sessions_dir)
    assert news(sessions_dir, "opencode") == [""]
    with closing(sqlite3.connect(path)) as connection:
        created = 4_000_000_000_000
        data = json.dumps({"role": "user", "time": {"created": created}})
        connection.execute("INSERT INTO message VALUES ('msg_z', 'ses_1', ?, ?)", (created, data))
        part = json.dumps({"type": "text", "text": "And more"})
        connection.execute("INSERT INTO part VALUES ('p_z', 'msg_z', 'ses_1', ?)", (part,))
        connection.execute("UPDATE session SET time_updated = ?", (created,))
        connection.commit()
    assert news(sessions_dir, "opencode") == ["grown"]


def test_conversations_of_llm_are_listed_by_a_query(private_home: Path, sessions_dir: Path) -> None:
    path = private_home / ".config/io.datasette.llm/logs.db"
    rows = [(f"r{n}", "m", "Question", "Answer", key, AT) for n, key in enumerate(("k1", "k1", None))]
    values = [("INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?)", row) for row in rows]
    script = (
        "CREATE TABLE conversations (id, name, model);"
        "CREATE TABLE responses (id, model, prompt, response, conversation_id, datetime_utc);"
    )
    database(path, script, *values).close()
    found = list(glimpses_of("llm", Path.cwd()))
    assert sorted(each.foreign_id for each in found) == ["k1", "r2"]
    for imported in Scan(Selection()).read([path]):
        ImportStore(sessions_dir).put(imported)
    assert news(sessions_dir, "llm") == ["", ""]
