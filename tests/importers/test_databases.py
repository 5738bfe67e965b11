"""Tools that keep their conversations in SQLite."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from aloop.errors import StorageError
from aloop.importers.databases.sqlite import opened
from aloop.importers.storing.store import ImportStore
from tests.importers.reading import database, outline, read_all, read_one


def test_opencode_database_is_read_with_its_log_while_the_program_runs(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    state = {"status": "error", "input": {}, "error": "denied"}
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = wal")
    connection.executescript(
        "CREATE TABLE session (id, parent_id, title, directory, version, revert, time_created, time_updated);"
        "CREATE TABLE message (id, session_id, time_created, data);"
        "CREATE TABLE part (id, message_id, session_id, data);"
    )
    connection.execute(
        "INSERT INTO session VALUES ('ses_1', NULL, 'T', '/work', '1', NULL, 1795905871465, 1795905881103)"
    )
    # The time in an ID begins again every 795 days, so that a later one can be first.
    for name, at, role in (("msg_f", 1_795_905_871_465, "user"), ("msg_0", 1_795_905_871_466, "assistant")):
        connection.execute("INSERT INTO message VALUES (?, 'ses_1', ?, ?)", (name, at, json.dumps({"role": role})))
    connection.execute(
        "INSERT INTO part VALUES ('p1', 'msg_f', 'ses_1', ?)", (json.dumps({"type": "text", "text": "Go"}),)
    )
    part = {"type": "tool", "callID": "c1", "tool": "bash", "state": state}
    connection.execute("INSERT INTO part VALUES ('p2', 'msg_0', 'ses_1', ?)", (json.dumps(part),))
    connection.commit()
    before = path.read_bytes()
    imported = read_one(path, "opencode")
    assert outline(imported) == [("user", "Go"), ("assistant", "", "bash"), ("tool", "denied")]
    assert imported.messages[2].is_error
    assert path.read_bytes() == before
    connection.close()


@pytest.mark.parametrize("end", ["", "\n\n<shell_metadata>\nUser aborted the command\n</shell_metadata>"])
def test_opencode_long_result_is_read_from_its_file(end: str, tmp_path: Path) -> None:
    saved = tmp_path / "tool-output/tool_1"
    whole = "".join(f"{number}\n" for number in range(9_000))
    shown = f"...output truncated...\n\nFull output saved to: /other/home/{saved.name}\n\n{whole[-40_000:]}{end}"
    metadata = {"outputPath": f"/other/home/{saved.name}", "truncated": True}
    state = {"status": "completed", "output": shown, "metadata": metadata}
    part = json.dumps({"type": "tool", "callID": "c1", "tool": "bash", "state": state})
    question = json.dumps({"type": "text", "text": "Count"})
    database(
        tmp_path / "opencode.db",
        "CREATE TABLE session (id, parent_id, title, directory, version, revert, time_created, time_updated);"
        "CREATE TABLE message (id, session_id, time_created, data);"
        "CREATE TABLE part (id, message_id, session_id, data);"
        "INSERT INTO session VALUES ('ses_1', NULL, 'T', '/work', '1', NULL, 1795905871465, 1795905881103);"
        """INSERT INTO message VALUES ('m1', 'ses_1', 1795905871465, '{"role": "user"}');"""
        """INSERT INTO message VALUES ('m2', 'ses_1', 1795905871466, '{"role": "assistant"}');""",
        ("INSERT INTO part VALUES ('p1', 'm1', 'ses_1', ?), ('p2', 'm2', 'ses_1', ?)", (question, part)),
    ).close()

    def import_again() -> tuple[str, str | None, str]:
        imported = read_one(tmp_path / "opencode.db", "opencode")
        action = ImportStore(tmp_path / "sessions").put(imported).action
        return action, imported.messages[-1].content, ", ".join(imported.losses)

    # An import before the file existed is the same as one by a version that did not read it.
    assert import_again() == ("imported", shown, "long results whose file is gone")
    saved.parent.mkdir()
    saved.write_text(whole)
    assert import_again() == ("unchanged", whole + end, "")
    shutil.rmtree(tmp_path / "sessions")
    assert import_again() == ("imported", whole + end, "")
    saved.unlink()  # opencode does it after a week
    assert import_again() == ("unchanged", shown, "long results whose file is gone")


def test_opencode_messages_without_a_time_keep_their_place(tmp_path: Path) -> None:
    add = "INSERT INTO message VALUES (?, 'ses_1', 0, ?)"
    part = "INSERT INTO part VALUES (?, ?, 'ses_1', ?)"
    times = {"msg_1": 1_795_905_871_465, "msg_2": None, "msg_3": 1_795_905_871_467, "msg_4": None}
    rows: list[tuple[str, tuple[object, ...]]] = []
    for name, at in times.items():
        rows.append((add, (name, json.dumps({"role": "user", "time": {"created": at}}))))
        rows.append((part, (f"prt_{name}", name, json.dumps({"type": "text", "text": name}))))
    database(
        tmp_path / "opencode.db",
        "CREATE TABLE session (id, parent_id, title, directory, version, revert, time_created, time_updated);"
        "CREATE TABLE message (id, session_id, time_created, data);"
        "CREATE TABLE part (id, message_id, session_id, data);"
        "INSERT INTO session VALUES ('ses_1', NULL, 'T', '/work', '1', NULL, 1795905871465, 1795905881103);",
        *rows,
    ).close()
    imported = read_one(tmp_path / "opencode.db", "opencode")
    assert [message.content for message in imported.messages] == list(times)


LLM = """
CREATE TABLE conversations (id, name, model);
CREATE TABLE responses (id, model, prompt, system, response, conversation_id, datetime_utc, input_tokens, output_tokens,
  token_details, resolved_model, reasoning);
CREATE TABLE tool_calls (id, response_id, name, arguments, tool_call_id);
CREATE TABLE tool_results (id, response_id, name, output, tool_call_id);
INSERT INTO conversations VALUES ('k1', 'Look', 'm');
INSERT INTO responses VALUES ('r1', 'm', 'Look', 'Brief.', '', 'k1', '2026-01-01T00:00:00+00:00', 20, 7,
  NULL, NULL, NULL);
INSERT INTO responses VALUES ('r2', 'm', '', 'Brief.', 'Done.', 'k1', '2026-01-01T00:00:01+00:00', 20, 7,
  '{"prompt_tokens_details": {"cached_tokens": 5}}', NULL, NULL);
INSERT INTO tool_calls VALUES (1, 'r1', 'look', '{"a": 1}', 'c1');
INSERT INTO tool_results VALUES (1, 'r2', 'look', 'seen', 'c1');
"""


def test_llm_results_stored_with_the_next_response_follow_their_call(tmp_path: Path) -> None:
    database(tmp_path / "logs.db", LLM).close()
    imported = read_one(tmp_path / "logs.db", "llm")
    assert outline(imported) == [
        ("system", "Brief."),
        ("user", "Look"),
        ("assistant", "", "look"),
        ("tool", "seen"),
        ("assistant", "Done."),
    ]
    usage = imported.messages[-1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens) == (15, 5)


def test_goose_requests_and_responses_are_paired(tmp_path: Path) -> None:
    call = {
        "type": "toolRequest",
        "id": "c1",
        "toolCall": {"status": "success", "value": {"name": "look", "arguments": {}}},
    }
    response = {
        "type": "toolResponse",
        "id": "c1",
        "toolResult": {"status": "success", "value": [{"type": "text", "text": "seen"}]},
    }
    add = (
        "INSERT INTO messages (session_id, role, content_json, created_timestamp, metadata_json) VALUES ('s1', ?,?,?,?)"
    )
    database(
        tmp_path / "sessions.db",
        "CREATE TABLE sessions (id, name, description, working_dir, created_at, model_config_json);"
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id, role, content_json, created_timestamp,"
        "  metadata_json);"
        "INSERT INTO sessions VALUES ('s1', 'Look', '', '/work', '2026-01-01 00:00:00', '{\"model_name\": \"m\"}');",
        (add, ("user", json.dumps([{"type": "text", "text": "Look"}]), 1767225600, None)),
        (add, ("assistant", json.dumps([call]), 1767225601, None)),
        (add, ("user", json.dumps([response]), 1767225602, None)),
        (add, ("user", json.dumps([{"type": "text", "text": "old"}]), 1767225603, '{"agentVisible": false}')),
    ).close()
    imported = read_one(tmp_path / "sessions.db", "goose")
    assert outline(imported) == [("user", "Look"), ("assistant", "", "look"), ("tool", "seen"), ("user", "old")]
    assert imported.messages[3].skip
    assert imported.cwd == "/work"


def test_crush_sessions_have_parts_and_sub_agents(tmp_path: Path) -> None:
    def parts(*values: tuple[str, dict[str, str]]) -> str:
        return json.dumps([{"type": kind, "data": data} for kind, data in values])

    add = "INSERT INTO messages VALUES (?, 's1', ?, ?, 'm', 1767225600, 0)"
    call = ("tool_call", {"id": "c1", "name": "look", "input": '{"a": 1}'})
    database(
        tmp_path / "crush.db",
        "CREATE TABLE files (id); CREATE TABLE sessions (id, parent_session_id, title, created_at, updated_at);"
        "CREATE TABLE messages (id, session_id, role, parts, model, created_at, is_summary_message);"
        "INSERT INTO sessions VALUES ('s1', NULL, 'Look', 1767225600, 1767225700), ('s2', 's1', 'Sub', 1, 1);"
        "INSERT INTO messages VALUES ('9', 's2', 'user',"
        ' \'[{"type":"text","data":{"text":"x"}}]\', \'m\', 1, 0);',
        (add, ("1", "user", parts(("text", {"text": "Look"})))),
        (add, ("2", "assistant", parts(("reasoning", {"thinking": "Hm."}), call, ("finish", {"reason": "canceled"})))),
        (add, ("3", "tool", parts(("tool_result", {"tool_call_id": "c1", "content": "seen"})))),
    ).close()
    sub, main = sorted(read_all(tmp_path / "crush.db", "crush"), key=lambda each: each.kind, reverse=True)
    assert outline(main) == [("user", "Look"), ("assistant", "", "look"), ("tool", "seen")]
    assert main.messages[1].interrupted
    assert (sub.kind, sub.parent) == ("subagent", "s1")


def test_llm_threads_follow_the_tip_to_the_first_message(tmp_path: Path) -> None:
    database(
        tmp_path / "logs.db",
        "CREATE TABLE threads (id, name, tip_message_hash, forked_from, datetime_utc);"
        "CREATE TABLE turns (id, thread_id, tip_message_hash, model, resolved_model, input_tokens, output_tokens,"
        "  token_details, datetime_utc);"
        "CREATE TABLE messages (hash, parent_hash, role);"
        "CREATE TABLE parts (id, message_hash, position, type, tool_name, text, payload);"
        "INSERT INTO threads VALUES ('t1', 'Look', 'h2', NULL, '2026-01-01 00:00:00+00:00');"
        "INSERT INTO turns VALUES ('u1', 't1', 'h2', 'm', NULL, 4, 2, NULL, '2026-01-01T00:00:00+00:00');"
        "INSERT INTO messages VALUES ('h1', NULL, 'user'), ('h2', 'h1', 'assistant'), ('h3', 'h1', 'assistant');"
        "INSERT INTO parts VALUES (1, 'h1', 0, 'text', NULL, 'Look', NULL), (2, 'h2', 0, 'text', NULL, 'Yes', NULL);",
    ).close()
    imported = read_one(tmp_path / "logs.db", "llm")
    assert outline(imported) == [("user", "Look"), ("assistant", "Yes")]
    assert imported.model == "m"


def goose(path: Path, *messages: tuple[str, object, int]) -> Path:
    add = "INSERT INTO messages (session_id, role, content_json, created_timestamp) VALUES ('s1', ?, ?, ?)"
    database(
        path,
        "CREATE TABLE sessions (id, name, description, session_type, working_dir, created_at, model_config_json);"
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id, role, content_json, created_timestamp,"
        "  metadata_json);"
        "INSERT INTO sessions VALUES ('s1', 'Look', '', 'sub_agent', '/work', '2026-01-01 00:00:00', NULL);",
        *((add, (role, json.dumps(content), at)) for role, content, at in messages),
    ).close()
    return path


def test_goose_messages_keep_the_order_in_which_they_were_stored(tmp_path: Path) -> None:
    summary, question = [{"type": "text", "text": "Summary"}], [{"type": "text", "text": "Next?"}]
    path = goose(tmp_path / "sessions.db", ("user", summary, 1767225609), ("user", question, 1767225602))
    imported = read_one(path, "goose")
    assert outline(imported) == [("user", "Summary"), ("user", "Next?")]
    assert imported.kind == "subagent"


def test_goose_summary_is_one_if_it_hides_all_messages_before_it(tmp_path: Path) -> None:
    hidden, only_sent = {"userVisible": True, "agentVisible": False}, {"userVisible": False, "agentVisible": True}
    rows = (("Look", hidden), ("So far.", only_sent), ("Next?", only_sent), ("More?", {"agentVisible": True}))
    path = goose(
        tmp_path / "sessions.db", *(("user", [{"type": "text", "text": words}], 1767225600) for words, _ in rows)
    )
    with closing(sqlite3.connect(path)) as connection:
        facts = [(json.dumps(each), number) for number, (_, each) in enumerate(rows, 1)]
        connection.executemany("UPDATE messages SET metadata_json = ? WHERE id = ?", facts)
        connection.commit()
    assert [(each.content, each.skip, each.summary) for each in read_one(path, "goose").messages] == [
        ("Look", True, False),
        ("So far.", False, True),
        ("Next?", False, False),
        ("More?", False, False),
    ]


def test_goose_context_of_a_turn_is_skipped(tmp_path: Path) -> None:
    said = "<turn-context>\n<current-time>2026-11-29</current-time>\n</turn-context>"
    texts = ("Look", said, f"{said} means what?")
    rows = (("user", [{"type": "text", "text": each}], 1767225600 + at) for at, each in enumerate(texts))
    imported = read_one(goose(tmp_path / "sessions.db", *rows), "goose")
    assert [(each.content, each.skip) for each in imported.messages] == [
        ("Look", False),
        (said, True),
        (texts[2], False),
    ]


def test_goose_parts_that_are_not_content_are_counted_and_not_shown(tmp_path: Path) -> None:
    parts = [
        {"type": "redactedThinking", "data": "sealed"},
        {"type": "toolRequest", "id": "c1", "toolCall": {"status": "error", "error": "not JSON"}},
        {"type": "actionRequired", "data": {"actionType": "toolConfirmation", "id": "1", "toolName": "shell"}},
        {"type": "systemNotification", "notificationType": "inlineMessage", "msg": "compacting"},
        {"type": "text", "text": "Done"},
    ]
    embedded = {"type": "resource", "resource": {"uri": "file:///a", "text": "seen"}}
    result = {"status": "success", "value": {"content": [embedded], "isError": True}}
    path = goose(
        tmp_path / "sessions.db",
        ("assistant", parts, 1767225601),
        ("user", [{"type": "toolResponse", "id": "c1", "toolResult": result}], 1767225602),
    )
    imported = read_one(path, "goose")
    assert outline(imported) == [("assistant", "Done", "unknown"), ("tool", "seen")]
    assert imported.messages[1].is_error
    assert imported.messages[0].extra["foreign"] == {"redacted_thinking": ["sealed"], "errors": ["not JSON"]}
    assert imported.losses == {"questions and notices of the program": 2}


def test_crush_keeps_commands_attachments_images_of_tools_and_errors(tmp_path: Path) -> None:
    def row(number: int, role: str, *values: tuple[str, Mapping[str, object]]) -> tuple[str, tuple[object, ...]]:
        parts = json.dumps([{"type": kind, "data": data} for kind, data in values])
        return "INSERT INTO messages VALUES (?, 's1', ?, ?, 'm', 1767225600, 0)", (number, role, parts)

    notes = ("binary", {"Path": "notes.txt", "MIMEType": "text/plain", "Data": "aGk="})
    shell = ("shell_command", {"command": "ls", "output": "a.txt\n", "exit_code": 0})
    call = ("tool_call", {"id": "c1", "name": "view", "input": "{}"})
    image = ("tool_result", {"tool_call_id": "c1", "content": "an image", "data": "aGk=", "mime_type": "image/png"})
    failure = ("finish", {"reason": "error", "message": "Overloaded", "details": "529"})
    database(
        tmp_path / "crush.db",
        "CREATE TABLE files (id); CREATE TABLE sessions (id, parent_session_id, title, created_at, updated_at);"
        "CREATE TABLE messages (id, session_id, role, parts, model, created_at, is_summary_message);"
        "INSERT INTO sessions VALUES ('s1', NULL, 'Look', 1767225600, 1767225700);",
        row(1, "user", ("text", {"text": "Look"}), notes),
        row(2, "user", shell),
        row(3, "assistant", call, failure),
        row(4, "tool", image, ("other", {})),
    ).close()
    imported = read_one(tmp_path / "crush.db", "crush")
    assert outline(imported) == [
        ("user", 'Look\n\n<file path="notes.txt">\nhi\n</file>'),
        ("user", "$ ls\na.txt\n(exit code 0)"),
        ("assistant", "", "view"),
        ("tool", "an image"),
    ]
    assert [part.media_type for part in imported.messages[3].parts] == ["image/png"]
    assert imported.messages[2].extra["foreign"] == {"error": "Overloaded: 529"}
    assert imported.losses == {"message parts of unknown types": 1}


CRUSH = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL, message_count INTEGER,
  prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, updated_at INTEGER, created_at INTEGER,
  summary_message_id TEXT, todos TEXT);
CREATE TABLE files (id TEXT PRIMARY KEY, session_id TEXT, path TEXT, content TEXT, version INTEGER);
CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, parts TEXT NOT NULL,
  model TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, finished_at INTEGER, provider TEXT,
  is_summary_message INTEGER DEFAULT 0 NOT NULL);
INSERT INTO sessions (id, title, updated_at, created_at, summary_message_id)
  VALUES ('s1', 'Untitled Session', 1767225700, 1767225600, 'm3');
"""
"""The tables of Crush as of November 2026, without triggers and indexes."""


def test_crush_summary_may_be_noted_only_in_the_session(tmp_path: Path) -> None:
    add = (
        "INSERT INTO messages (id, session_id, role, parts, model, created_at, updated_at, provider)"
        " VALUES (?, 's1', ?, ?, ?, 1767225600, 1767225600, 'anthropic')"
    )

    def row(name: str, role: str, **data: object) -> tuple[str, tuple[object, ...]]:
        parts = [{"type": "text", "data": data}, {"type": "finish", "data": {"reason": "stop", "time": 0}}]
        return add, (name, role, json.dumps(parts), "m" if role == "assistant" else "")

    database(
        tmp_path / "crush.db",
        CRUSH,
        row("m1", "user", text="Carry on.", hidden=True),
        row("m2", "assistant", text="Yes."),
        row("m3", "assistant", text="All of it so far."),
        row("m4", "user", text="And now?"),
    ).close()
    imported = read_one(tmp_path / "crush.db", "crush")
    assert [message.summary for message in imported.messages] == [False, False, True, False]
    assert imported.messages[0].extra["foreign"] == {"injected": True, "provider": "anthropic"}
    assert imported.messages[1].model == "m"


def test_database_with_a_name_that_is_not_utf8_is_reported_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database(path, "CREATE TABLE aaaa (x);").close()
    path.write_bytes(path.read_bytes().replace(b"aaaa", b"a\xff\xfea"))
    with pytest.raises(StorageError, match=r"Could not decode to UTF-8.*Try a backup of the file"), opened(path):
        pass


def test_connection_to_a_damaged_database_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"SQLite format 3\x00" + b"x" * 5_000)
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def keep(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*arguments, **options))
        return made[-1]

    with mock.patch.object(sqlite3, "connect", keep), pytest.raises(StorageError), opened(path):
        pass
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    assert made
