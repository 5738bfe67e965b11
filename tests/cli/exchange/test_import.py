"""``aloop import``."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import re
import signal
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aloop.cli.exchange import import_actions
from aloop.cli.parser import parse_arguments
from aloop.config.user_folders import state_dir
from aloop.errors import StorageError, UnstorableValue, UsageError
from aloop.export.tools.folders import claude_slug
from aloop.formatting import display_path
from aloop.importers.databases import sqlite
from aloop.importers.imported import Imported
from aloop.importers.run import Scan
from aloop.importers.storing import store
from aloop.importers.storing.store import ImportStore, Outcome
from aloop.importers.transcript import session_id_of
from aloop.memory import Session, SessionLibrary
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from aloop.memory.trust_file import TrustFile
from tests.importers.reading import (
    AT,
    LATER,
    codex_session,
    database,
    enter_folder_that_is_not_utf8,
    write_json,
    write_lines,
)
from tests.importers.test_places import refusing


def run(*arguments: str) -> int:
    options = parse_arguments(["import", *arguments])
    code: int = options.run()  # type: ignore[union-attr] # only the prompt has no run
    return code


def claude_session(folder: Path, home: Path, name: str = "11111111-2222-4333-8444-555555555555") -> Path:
    """Write a session of Claude Code that took place in ``folder``."""
    user = {"type": "user", "uuid": "u1", "parentUuid": None, "sessionId": name, "cwd": str(folder), "timestamp": AT}
    path = home / ".claude" / "projects" / claude_slug(str(folder)) / f"{name}.jsonl"
    return write_lines(path, {**user, "message": {"role": "user", "content": f"Asked in {folder.name}"}})


def chat(path: Path, count: int = 1) -> Path:
    values: list[dict[str, Any]] = [{"messages": [{"role": "user", "content": f"Question {n}"}]} for n in range(count)]
    return write_json(path, values)


def test_tool_name_imports_the_sessions_of_this_folder(
    private_home: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claude_session(Path.cwd(), private_home)
    claude_session(private_home / "other", private_home, "21111111-2222-4333-8444-555555555555")
    assert run("claude-code", "--sessions-dir", str(sessions_dir)) == 0
    out, err = capsys.readouterr()
    assert out.split()[-5:] == ["1", "-", "Asked", "in", "work"]
    assert "other" not in out
    assert "1 conversation: 1 imported (1 message)." in err
    assert run("claude-code", "--all", "--sessions-dir", str(sessions_dir)) == 0
    assert "Asked in other" in capsys.readouterr().out


def test_without_a_name_the_tools_with_sessions_here_are_listed(
    private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert "No other tool has sessions for this folder." in capsys.readouterr().err
    claude_session(Path.cwd(), private_home)
    assert run() == 0
    out, err = capsys.readouterr()
    assert out.split()[:5] == ["claude-code", "Claude", "Code", "1", "session,"]
    assert "aloop import claude-code" in err
    assert not Path(".aloop").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("codex",), "Skipped: folders that cannot be read: {folder}: Permission denied."),
        ((), "Could not read all sessions of Codex: {folder}: Permission denied."),
        (("--all",), "Could not read all sessions of Codex: {folder}: Permission denied."),
    ],
)
def test_tool_whose_folder_cannot_be_read_is_not_one_without_sessions(
    arguments: tuple[str, ...],
    sentence: str,
    private_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = codex_session(private_home, Path.cwd(), 1).parent
    monkeypatch.setattr(Path, "iterdir", refusing(folder, Path.iterdir))
    assert run(*arguments) == 1
    assert sentence.format(folder=folder) in capsys.readouterr().err


def test_list_of_tools_counts_what_is_new_and_names_each_tool_with_news(
    private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = claude_session(Path.cwd(), private_home)
    claude_session(Path.cwd(), private_home, "21111111-2222-4333-8444-555555555555")
    assert run("claude-code", "--session", first.stem) == 0
    codex_session(private_home, Path.cwd(), 1)
    capsys.readouterr()
    assert run() == 0
    out, err = capsys.readouterr()
    assert [line[29:].rpartition(", ")[0] for line in out.splitlines()] == ["2 sessions, 1 new", "1 session, 1 new"]
    assert err == "Run `aloop import claude-code codex` to import what is new.\n"
    assert run("claude-code", "codex") == 0
    assert "3 conversations: 1 unchanged, 2 imported" in capsys.readouterr().err
    assert run() == 0
    out, err = capsys.readouterr()
    assert [line.split(", ")[1] for line in out.splitlines()] == ["none new", "none new"]
    assert err == "There is nothing new to import.\n"
    said = json.loads(first.read_text())
    more = {"type": "assistant", "id": "m", "role": "assistant", "content": "And more."}
    later = {**said, "type": "assistant", "uuid": "u2", "parentUuid": "u1", "timestamp": LATER, "message": more}
    write_lines(first, said, later)
    assert run() == 0
    out, err = capsys.readouterr()
    assert "2 sessions, none new, 1 with new messages, " in out
    assert err == "Run `aloop import claude-code` to import what is new.\n"
    assert run("--json") == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (record["sessions"], record["new"], record["grown"]) == (2, 0, 1)


def test_command_that_is_printed_for_a_session_left_alone_imports_it_into_another_folder(
    private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = codex_session(private_home, Path.cwd(), 1)
    assert run("codex", "--json") == 0
    session_id = json.loads(capsys.readouterr().out.splitlines()[0])["id"]
    [file] = Path(".aloop/sessions").glob("*/session.yaml")
    file.write_text(file.read_text().replace("Question 1", "Changed"))
    [line] = path.read_text().splitlines()[-1:]
    path.write_text(path.read_text() + line.replace(AT, LATER).replace("The last one", "And more") + "\n")
    assert run("codex") == 0
    command = capsys.readouterr().err.splitlines()[-1].split()
    assert command[:5] == ["aloop", "import", "codex", "--session", session_id[:8]]
    assert run(*command[2:]) == 0
    out, err = capsys.readouterr()
    assert "1 conversation: 1 imported (4 messages)." in err
    assert session_id[:8] in out
    assert len(list((private_home / f"aloop-{session_id[:8]}").glob("*/session.yaml"))) == 1
    assert run("codex", "--session", session_id[:3]) == 1


def test_files_with_lines_that_cannot_be_read_are_named(
    tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}) + "\n"
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_text(message + "broken\n" * (number or 9))
    (tmp_path / "writing.jsonl").write_text(f'{message}{{"messages": [')
    assert run(str(tmp_path), "--sessions-dir", str(sessions_dir)) == 1
    broken, cut_off = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Skipped: ")]
    assert broken == (
        f"Skipped: lines that are not JSON objects (9 in {tmp_path}/0.jsonl, 4 in {tmp_path}/4.jsonl, "
        f"3 in {tmp_path}/3.jsonl, others in 2 more files)."
    )
    assert cut_off == (
        "Skipped: incomplete last lines, such as those that a program is still writing "
        f"(1 in {tmp_path}/writing.jsonl)."
    )


@pytest.mark.parametrize("tool", ["claude-code", "codex"])
def test_sessions_of_a_project_that_was_moved_are_updated_and_no_others_imported(
    tool: str, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = Path.cwd(), private_home / "moved"
    if tool == "codex":
        path, other = codex_session(private_home, old, 1), codex_session(private_home, old, 2)
    else:
        path = claude_session(old, private_home)
        other = claude_session(old, private_home, "21111111-2222-4333-8444-555555555555")
    hidden = other.rename(private_home / "hidden")
    assert run(tool) == 0
    hidden.rename(other)
    old.rename(new)
    monkeypatch.chdir(new)
    assert run(tool) == 0
    assert "1 conversation: 1 unchanged." in capsys.readouterr().err
    [line] = path.read_text().splitlines()[-1:]
    later = line.replace(AT, LATER).replace("The last one", "More").replace("Asked in", "More of").replace("u1", "u2")
    path.write_text(path.read_text() + later.replace('"parentUuid": null', '"parentUuid": "u1"') + "\n")
    assert run() == 0
    out, _ = capsys.readouterr()
    assert "1 session, none new, 1 with new messages" in out
    assert run(tool) == 0
    assert "1 conversation: 1 updated (1 message)." in capsys.readouterr().err
    old.mkdir()
    assert run(tool) == 0
    assert "has no sessions for this folder" in capsys.readouterr().err


def test_files_and_tools_are_imported_by_one_command(
    private_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codex_session(private_home, Path.cwd(), 1)
    assert run(str(chat(tmp_path / "a.json")), "codex", "pi", "--json") == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["from"] for line in out.splitlines()] == ["openai", "codex"]
    assert err.startswith("pi has no sessions for this folder.\n")
    with pytest.raises(UsageError, match="Standard input is imported alone"):
        run("-", "codex")


def test_sessions_of_the_project_are_listed_and_imported_in_a_folder_below_it(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Path.cwd()
    name = display_path(project)
    claude_session(project, private_home)
    assert run("claude-code") == 0
    claude_session(project, private_home, "21111111-2222-4333-8444-555555555555")
    below = project / "part"
    below.mkdir()
    monkeypatch.chdir(below)
    claude_session(below, private_home, "31111111-2222-4333-8444-555555555555")
    capsys.readouterr()
    assert run() == 0
    assert "3 sessions, 2 new" in capsys.readouterr().out
    assert run("claude-code") == 0
    assert "3 conversations: 2 imported" in capsys.readouterr().err
    assert run("codex") == 0
    assert capsys.readouterr().err == f"Codex has no sessions for this folder or its project, {name}.\n"
    assert not (below / ".aloop").exists()


def test_sessions_of_other_folders_are_listed_and_offered_with_all(
    private_home: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--all") == 0
    assert "No other tool has sessions on this machine." in capsys.readouterr().err
    claude_session(private_home / "other", private_home)
    assert run() == 0
    assert capsys.readouterr().err == (
        "No other tool has sessions for this folder. `aloop import --all` lists those of all folders.\n"
    )
    assert run("claude-code", "--sessions-dir", str(sessions_dir)) == 0
    assert (
        capsys.readouterr().err
        == "Claude Code has no sessions for this folder. Add --all for those of other folders.\n"
    )
    assert run("--all") == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["claude-code"]
    command = "`aloop import claude-code --all`"
    assert err == f"New sessions were not counted. Run {command} to import them; --dry-run lists them first.\n"
    assert run("--all", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["files"] == 1


def test_sessions_that_are_elsewhere_and_have_no_path_of_their_folder_are_offered_with_all(
    private_home: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta = {"timestamp": AT, "type": "session_meta", "payload": {"id": "0199-1", "cwd": "/elsewhere"}}
    content = [{"type": "input_text", "text": "Hi"}]
    said = {
        "timestamp": AT,
        "type": "response_item",
        "payload": {"type": "message", "role": "user", "content": content},
    }
    write_lines(private_home / ".codex/sessions/2026/01/22/rollout-1.jsonl", meta, said)
    folder = ("--sessions-dir", str(sessions_dir))
    assert run("codex", *folder) == 0
    assert capsys.readouterr().err == "Codex has no sessions for this folder. Add --all for those of other folders.\n"
    assert run("codex", "--session", "0199", *folder) == 1
    assert capsys.readouterr().err == "No conversation has the ID 0199 in this folder. Add --all to look in others.\n"


@pytest.mark.parametrize("flag", ["--since=30d", "--session=x", "--from=codex", "--branches", "--dry-run"])
def test_options_of_an_import_without_a_name_are_errors(flag: str) -> None:
    with pytest.raises(UsageError, match=rf"{flag.partition('=')[0]} is for an import. Name a tool"):
        run(flag)


def test_list_of_tools_names_one_whose_files_may_be_of_a_folder_that_is_not_utf8(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enter_folder_that_is_not_utf8(monkeypatch)
    tasks = private_home / ".config/Code/User/globalStorage/saoudrizwan.claude-dev/tasks"
    write_json(tasks / "1/api_conversation_history.json", [{"role": "user", "content": "Hi", "cwd": "/x"}])
    assert run() == 0
    assert "1 session, 1 new" in capsys.readouterr().out


def test_dry_run_names_what_has_no_place_and_writes_nothing(
    tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = {"conversations": [{"from": "human", "value": "Hi"}], "tools": "[]"}
    path = write_json(tmp_path / "s.json", [turns])
    assert run(str(path), "--dry-run", "--sessions-dir", str(sessions_dir)) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "ShareGPT"
    assert out.splitlines()[2].startswith("import  ")
    assert out.splitlines()[3] == "        left out: descriptions of tools (1)"
    assert "1 conversation: 1 would be imported (1 message)." in err
    assert "Would be left out, because a session has no place for them: descriptions of tools (1)." in err
    assert not sessions_dir.exists()


def test_json_has_a_record_for_each_conversation(
    tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(chat(tmp_path / "c.json", 2)), "--json", "--sessions-dir", str(sessions_dir)) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["action"], first["from"], first["messages"], first["title"]) == (
        "imported",
        "openai",
        1,
        "Question 0",
    )
    assert first["id"] != second["id"]


def test_standard_input_is_read(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.dumps([{"role": "user", "content": "From a pipe"}]).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run("-", "--sessions-dir", str(sessions_dir)) == 0
    assert "From a pipe" in capsys.readouterr().out


def test_session_and_since_select(tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ("--sessions-dir", str(sessions_dir))
    path = claude_session(tmp_path, tmp_path)
    assert run(str(path), "--since", "2026-02-01", *folder) == 0
    assert capsys.readouterr().err == "1 conversation is older than 2026-02-01 00:00.\n"
    assert run(str(path), "--session", "2222", *folder) == 1
    assert "No conversation has the ID 2222." in capsys.readouterr().err
    assert run(str(path), "--session", "1111", "--since", "2026-01-01", *folder) == 0
    assert "1 imported" in capsys.readouterr().err


def test_unknown_files_are_named(tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "package.json", {"name": "x"})
    assert run(str(tmp_path), "--sessions-dir", str(sessions_dir)) == 0
    assert f"Not recognized: {tmp_path / 'package.json'}" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "text"), [("talk.json", '{"name": "x"}'), ("talk.zip", "not an archive")])
def test_file_that_cannot_be_imported_is_a_failure(name: str, text: str, tmp_path: Path, sessions_dir: Path) -> None:
    (tmp_path / name).write_text(text)
    assert run(str(tmp_path / name), "--sessions-dir", str(sessions_dir)) == 1


def test_locked_database_is_reported(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sqlite, "opened", partial(sqlite.opened, timeout=0))
    path = tmp_path / "opencode.db"
    with closing(database(path, "CREATE TABLE session (id); CREATE TABLE message (id);")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert run(str(path), "--sessions-dir", str(sessions_dir)) == 1
    err = capsys.readouterr().err
    assert f"Could not read {path}: database is locked. Close the program that uses it" in err
    path.write_bytes(b"SQLite format 3\0garbage")
    assert run(str(path), "--sessions-dir", str(sessions_dir)) == 1
    assert "file is not a database. Try a backup of the file" in capsys.readouterr().err


def test_folder_that_cannot_be_read_is_reported(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat(tmp_path / "talk.json")
    (tmp_path / "private").mkdir()
    listed = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("private"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert run(str(tmp_path), "--sessions-dir", str(sessions_dir)) == 1
    err = capsys.readouterr().err
    assert f"folders that cannot be read: {tmp_path / 'private'}: Permission denied" in err
    assert "1 imported" in err


def test_file_that_is_removed_before_it_is_read_is_reported_and_the_others_are_imported(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    walked = os.walk

    def walk(path: Path, **options: Any) -> Iterator[Any]:
        for found in walked(path, **options):
            gone.unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(os, "walk", walk)
    chat(tmp_path / "talk.json")
    gone = chat(tmp_path / "gone.json")
    assert run(str(tmp_path), "--sessions-dir", str(sessions_dir)) == 1
    err = capsys.readouterr().err
    assert "Skipped: files that cannot be read: gone.json: No such file or directory.\n" in err
    assert "1 imported" in err


def test_folder_that_is_removed_while_a_tool_is_searched_hides_no_other(
    private_home: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = os.scandir

    def remove(path: Any = ".") -> Any:
        if str(path).endswith("gone") and gone.exists():
            gone.rmdir()
        return listed(path)

    gone = claude_session(Path.cwd(), private_home).parent / "gone"
    gone.mkdir()
    monkeypatch.setattr(os, "scandir", remove)
    assert run("claude-code", "--sessions-dir", str(sessions_dir)) == 0
    assert "1 imported" in capsys.readouterr().err


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_conversation_that_is_too_large_is_reported_and_the_others_are_imported(
    dry: tuple[str, ...],
    tmp_path: Path,
    sessions_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "1")
    texts = ("x" * 2_500_000, "Small")
    path = write_json(tmp_path / "c.json", [{"messages": [{"role": "user", "content": text}]} for text in texts])
    assert run(str(path), *dry, "--sessions-dir", str(sessions_dir)) == 1
    out, err = capsys.readouterr()
    _, _, row, reason, small = out.splitlines()
    assert row.startswith("skip" if dry else "skipped")
    assert reason.strip() == (
        "the session would be 3 MB, more than the limit of 1 MB; set ALOOP_MAX_SESSION_MB=3 to import it"
    )
    assert small.endswith("Small")
    assert f"2 conversations: 1 too large, 1 {'would be ' if dry else ''}imported (1 message)." in err
    assert len(list(sessions_dir.glob("2*"))) == (0 if dry else 1)


def test_conversation_that_a_session_cannot_hold_does_not_stop_the_others(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create = YamlBackend.create

    def refuse(backend: YamlBackend, session: Session, folder: Path) -> object:
        if session.title == "Question 0":
            raise UnstorableValue("session.yaml would not be read back as it was written.")
        return create(backend, session, folder)

    monkeypatch.setattr(YamlBackend, "create", refuse)
    assert run(str(chat(tmp_path / "c.json", 2)), "--sessions-dir", str(sessions_dir)) == 1
    err = capsys.readouterr().err
    assert "1 conversation: 1 imported" in err
    assert "session.yaml would not be read back as it was written" in err
    assert len(list(sessions_dir.glob("2*"))) == 1


def test_named_pipe_and_empty_file_are_explained(
    tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UsageError, match="Pipe it into `aloop import -`"):
        run(str(tmp_path / "pipe.json"))
    (tmp_path / "empty.json").touch()
    assert run(str(tmp_path / "empty.json"), "--sessions-dir", str(sessions_dir)) == 1
    assert f"{tmp_path / 'empty.json'} is empty." in capsys.readouterr().err


def test_unknown_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean the tool 'codex'"):
        run("codx")
    with pytest.raises(UsageError, match="nope does not exist") as error:  # "openai" is near, but not a tool
        run("nope")
    assert "openai" not in str(error.value)
    with pytest.raises(UsageError, match="'nonsense' is not one of"):
        run("x", "--from", "nonsense")
    with pytest.raises(UsageError, match="is not a date such as"):
        run("codex", "--since", "soon")


def test_ctrl_c_keeps_what_was_imported(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = Scan.read

    def interrupted(scan: Scan, paths: list[Path]) -> Iterator[Imported]:
        yield next(read(scan, paths))
        raise KeyboardInterrupt

    monkeypatch.setattr(Scan, "read", interrupted)
    assert run(str(chat(tmp_path / "c.json", 3)), "--sessions-dir", str(sessions_dir)) == 130
    err = capsys.readouterr().err
    assert "run the same command again" in err
    assert "\x1b" not in err
    assert len(list(sessions_dir.glob("2*"))) == 1


def test_ctrl_c_while_a_conversation_is_written_counts_it(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put = ImportStore.put

    def interrupted(imports: ImportStore, imported: Imported) -> Outcome:
        signal.raise_signal(signal.SIGINT)
        return put(imports, imported)

    monkeypatch.setattr(ImportStore, "put", interrupted)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
    try:
        assert run(str(chat(tmp_path / "c.json", 3)), "--sessions-dir", str(sessions_dir)) == 130
    finally:
        signal.signal(signal.SIGINT, previous)
    assert "1 conversation: 1 imported (1 message)." in capsys.readouterr().err
    assert len(list(sessions_dir.glob("2*"))) == 1


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_full_disk_after_some_conversations_is_an_error_below_their_number(
    form: tuple[str, ...],
    tmp_path: Path,
    sessions_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    create = YamlBackend.create

    def fill(backend: YamlBackend, session: Session, folder: Path) -> object:
        if session.title == "Question 2":
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        return create(backend, session, folder)

    monkeypatch.setattr(YamlBackend, "create", fill)
    arguments = (str(chat(tmp_path / "c.json", 4)), *form, "--sessions-dir", str(sessions_dir))
    with pytest.raises(StorageError, match="the disk is full"):
        run(*arguments)
    out, err = capsys.readouterr()
    assert "Question 1" in out
    assert "Question 2" not in out
    stopped, counts, *_ = err.splitlines()
    assert stopped.endswith("run the same command again for the rest.")
    assert counts == "2 conversations: 2 imported (2 messages)."
    assert len(list(sessions_dir.glob("2*"))) == 2
    monkeypatch.setattr(YamlBackend, "create", create)
    assert run(*arguments) == 0
    assert "4 conversations: 2 unchanged, 2 imported" in capsys.readouterr().err


def test_session_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    folder = ("--sessions-dir", str(sessions_dir))
    first = claude_session(tmp_path, tmp_path)
    assert run(str(tmp_path), *folder) == 0
    line = json.loads(first.read_text())
    write_lines(first, line, {**line, "uuid": "u2", "parentUuid": "u1", "message": {"role": "user", "content": "And?"}})
    claude_session(tmp_path, tmp_path, "21111111-2222-4333-8444-555555555555")
    monkeypatch.setattr(store, "OpenLock", refuse)
    assert run(str(tmp_path), *folder) == 1
    err = capsys.readouterr().err
    assert "1 conversation: 1 imported" in err
    assert "permission denied" in err


def test_full_disk_at_the_first_conversation_counts_nothing(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*_: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(YamlBackend, "create", fill)
    with pytest.raises(StorageError):
        run(str(chat(tmp_path / "c.json", 2)), "--sessions-dir", str(sessions_dir))
    assert capsys.readouterr().err == ""


def test_conversations_are_imported_although_standard_output_is_closed(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(_line: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(import_actions, "print_line", closed)
    arguments = (str(chat(tmp_path / "c.json", 3)), "--json", "--sessions-dir", str(sessions_dir))
    with pytest.raises(BrokenPipeError):  # which ends aloop without a message
        run(*arguments, "--dry-run")
    assert run(*arguments) == 0
    assert "3 conversations: 3 imported (3 messages)." in capsys.readouterr().err
    assert len(list(sessions_dir.glob("2*"))) == 3


def test_session_file_that_is_not_yaml_is_reported_with_its_line(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(chat(tmp_path / "talk.json")), "--sessions-dir", str(sessions_dir)) == 0
    (path,) = sessions_dir.glob("*/session.yaml")
    path.write_text(f"{path.read_text()}bad: [\n")
    line = len(path.read_text().splitlines())
    capsys.readouterr()
    assert run(str(path), "--sessions-dir", str(tmp_path / "other")) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"Skipped: {path}:{line}:")


def test_branches_that_are_here_are_not_offered_again(
    private_home: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}}}
    nodes = {"a": {**node, "parent": None}, "b": {**node, "parent": "a"}, "c": {**node, "parent": "a"}}
    path = str(write_json(private_home / "c.json", [{"id": "x", "mapping": nodes, "current_node": "b"}]))
    offer = "Left out: 1 branch. Add --branches to import it too."
    assert run(path, "--sessions-dir", str(sessions_dir)) == 0
    assert offer in capsys.readouterr().err
    assert run(path, "--branches", "--sessions-dir", str(sessions_dir)) == 0
    capsys.readouterr()
    assert run(path, "--sessions-dir", str(sessions_dir)) == 0
    assert offer not in capsys.readouterr().err


def test_format_without_a_folder_needs_a_file() -> None:
    with pytest.raises(UsageError, match="Conversations of ChatGPT are imported from a file: give its path"):
        run("chatgpt")


def test_session_id_selects_one_conversation_and_fails_if_there_is_none(
    private_home: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claude_session(Path.cwd(), private_home)
    claude_session(Path.cwd(), private_home, "21111111-2222-4333-8444-555555555555")
    assert run("claude-code", "--session", "2111", "--json", "--dry-run", "--sessions-dir", str(sessions_dir)) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["foreign_id"], record["dry_run"]) == ("21111111-2222-4333-8444-555555555555", True)
    assert run("claude-code", "--session", "3", "--sessions-dir", str(sessions_dir)) == 1
    assert "No conversation has the ID 3. The start of an ID here has at least 4" in capsys.readouterr().err


def test_files_without_messages_are_counted_beside_others(capsys: pytest.CaptureFixture[str]) -> None:
    chat(Path("talk.json"))
    Path("empty.json").write_text(json.dumps({"system": "Be brief.", "messages": []}))
    assert run("talk.json", "empty.json") == 0
    assert "1 file has no messages: empty.json.\n" in capsys.readouterr().err
    Path("list.json").write_text(json.dumps([{"conversations": []}]))
    assert run("talk.json", "empty.json", "list.json") == 0
    assert "2 files have no messages: empty.json and 1 more.\n" in capsys.readouterr().err
    assert run("talk.json") == 0
    assert "no messages" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("talk.json", "--from", "codex"), 1, "talk.json is not in the format of Codex. Without --from, the format is"),
        (("empty.jsonl",), 1, "empty.jsonl is in the format of pi, and has no messages."),
        (("notes.txt",), 1, "Not recognized: notes.txt. Name its format with --from."),
        (("chat.html",), 1, "Not recognized: chat.html. Pages are for reading: import the JSON export instead."),
        (("other.zip",), 1, "Not recognized: other.zip."),
        (("broken.zip",), 1, "Skipped: archives that cannot be read: broken.zip."),
        (("broken.json.gz",), 1, "Skipped: archives that cannot be read: broken.json.gz."),
        (("folder",), 0, "No conversations were found in folder."),
        (("goose",), 0, "goose has no sessions for this folder."),
    ],
)
def test_nothing_to_import_is_explained(
    arguments: tuple[str, ...],
    code: int,
    expected: str,
    private_home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chat(Path("talk.json"))
    write_lines(Path("empty.jsonl"), {"type": "session", "id": "1", "timestamp": AT})
    Path("notes.txt").write_text("Buy milk")
    Path("chat.html").write_text("<!DOCTYPE html>\n<title>A talk</title>\n")
    Path("broken.zip").write_bytes(b"PK\x03\x04 nothing")
    Path("broken.json.gz").write_bytes(b"\x1f\x8b nothing")
    Path("folder").mkdir()
    with zipfile.ZipFile("other.zip", "w") as archive:
        archive.writestr("picture.png", "x")
    assert run(*arguments) == code
    err = capsys.readouterr().err
    assert expected in err
    assert len(err.splitlines()) == 1


def test_empty_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(UsageError, match="Standard input is empty"):
        run("-")


def test_archive_of_any_files_and_a_gzip_file_are_read(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], private_home: Path
) -> None:
    data = chat(Path("talk.json")).read_bytes()
    Path("talk.json.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile("backup.zip", "w") as archive:
        archive.write(
            claude_session(private_home, private_home), "projects/x/11111111-2222-4333-8444-555555555555.jsonl"
        )
        archive.writestr("../../talk.json", data)
        archive.writestr("notes.txt", "Buy milk")
    assert run("talk.json.gz", "--sessions-dir", str(sessions_dir)) == 0
    assert "1 imported" in capsys.readouterr().err
    assert run("backup.zip", "--sessions-dir", str(sessions_dir)) == 0
    assert "2 conversations: 1 imported (1 message), 1 unchanged." in capsys.readouterr().err


def test_trash_in_an_archive_is_left_out(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, deleted = chat(Path("talk.json")).read_bytes(), json.dumps([{"role": "user", "content": "Gone"}])
    with zipfile.ZipFile("sessions.zip", "w") as archive:
        archive.writestr("sessions/2026-01-22_a/talk.json", kept)
        archive.writestr("sessions/.trash/2026-01-22_b/talk.json", deleted)
    assert run("sessions.zip", "--sessions-dir", str(sessions_dir)) == 0
    assert "1 conversation: 1 imported" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["talk.tgz", "talk.tar", "talk.tar.gz"])
def test_tar_archive_is_named_as_one(name: str, sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(name, "w" if name.endswith("r") else "w:gz") as archive:
        archive.add(chat(Path("talk.json")))
    assert run(name, "--sessions-dir", str(sessions_dir)) == 1
    assert capsys.readouterr().err == f"Skipped: tar archives, which have to be unpacked first: {name}.\n"


def test_archive_is_recognized_whatever_its_name(
    tmp_path: Path, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = chat(tmp_path / "c.json").read_bytes()
    with zipfile.ZipFile(tmp_path / "download", "w") as archive:
        archive.writestr("conversations.json", data)
    (tmp_path / "download2").write_bytes(gzip.compress(data))
    (tmp_path / "download3.json").write_bytes(gzip.compress(data))
    (tmp_path / "download4.zip").write_bytes(gzip.compress(data))
    for name in ("download", "download2", "download3.json", "download4.zip"):
        assert run(str(tmp_path / name), "--dry-run", "--sessions-dir", str(sessions_dir)) == 0
        assert "1 would be imported" in capsys.readouterr().err
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / name).read_bytes())))
        with pytest.raises(UsageError, match="Standard input is an archive"):
            run("-")
    database(tmp_path / "logs.db", "CREATE TABLE conversations (id);").close()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "logs.db").read_bytes())))
    with pytest.raises(UsageError, match="Standard input is a database"):
        run("-")


@pytest.mark.parametrize("name", ["download", "a.json"])
def test_zstandard_data_that_cannot_be_read_is_reported_whatever_its_name(
    tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).write_bytes(b"\x28\xb5\x2f\xfd cut")
    assert run(str(tmp_path / name), "--sessions-dir", str(sessions_dir)) == 1
    # The reason depends on the version of Python.
    assert re.search(f"(Python 3.14 to be decompressed|cannot be read): {name}", capsys.readouterr().err)


def test_file_that_belongs_to_another_one_is_explained(
    tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_json(tmp_path / "state.json", {"agents": {}, "workDir": "/w"})
    assert run(str(path), "--sessions-dir", str(sessions_dir)) == 1
    assert f"{path} belongs to a conversation in another file. Import that file" in capsys.readouterr().err


@pytest.mark.parametrize(("tool", "own"), [("a", "b"), ("b", "a")])
async def test_sessions_of_aloop_are_imported_without_their_trash_and_only_once(
    tool: str, own: str, tmp_path: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "12":
        claude_session(tmp_path, tmp_path / tool, f"{name}1111111-2222-4333-8444-555555555555")
    assert run(str(tmp_path / tool), "--sessions-dir", str(tmp_path / own)) == 0
    await SessionLibrary(tmp_path / own).delete(session_id_of("claude-code", "11111111-2222-4333-8444-555555555555"))
    capsys.readouterr()
    assert run(str(tmp_path / own), "--dry-run", "--sessions-dir", str(sessions_dir)) == 0
    assert "1 conversation: 1 would be imported" in capsys.readouterr().err
    counts = []
    for dry in (["--dry-run"], []):
        assert run(str(tmp_path), *dry, "--sessions-dir", str(sessions_dir)) == 0
        counts.append(capsys.readouterr().err.splitlines()[0].replace("would be ", ""))
    assert counts[0] == counts[1]
    assert "2 imported" in counts[0]


def test_export_that_comes_back_is_named(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ("--sessions-dir", str(sessions_dir))
    assert run(str(chat(Path("talk.json"))), *folder) == 0
    session_id = capsys.readouterr().out.splitlines()[-1].split()[1]
    code: int = parse_arguments(["export", session_id, "--to", "codex", "-o", "back.jsonl", *folder]).run()  # type: ignore[union-attr] # only the prompt has no run
    capsys.readouterr()
    assert (code, run("back.jsonl", *folder)) == (0, 0)
    out, err = capsys.readouterr()
    row, reason = out.splitlines()[2:]
    assert row.startswith(f"skipped   {session_id}  ")
    assert reason == "          an export of this session, with nothing new"
    assert "1 skipped as an export of a session here" in err


def test_session_is_accepted_before_it_is_written_since_the_import_can_be_killed(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    create = YamlBackend.create

    def checked(backend: YamlBackend, session: Session, folder: Path) -> object:
        trust = TrustFile.of_user()
        texts = [message.content or "" for message in session.messages if message.role == "system"]
        found.append(trust.knows_session(session.id) and all(map(trust.knows_text, texts)))
        return create(backend, session, folder)

    monkeypatch.setattr(YamlBackend, "create", checked)
    assert run(str(chat(Path("talk.json"), 3)), "--sessions-dir", str(sessions_dir)) == 0
    assert found == [True, True, True]


def test_dry_run_accepts_no_session(sessions_dir: Path) -> None:
    assert run(str(chat(Path("talk.json"))), "--dry-run", "--sessions-dir", str(sessions_dir)) == 0
    assert not (state_dir() / "aloop" / "trust").exists()


@pytest.mark.parametrize(("name", "arguments"), [("import` without arguments", []), ("import WHAT`", ["claude-code"])])
def test_json_records_of_an_import_have_the_documented_keys(
    name: str, arguments: list[str], private_home: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claude_session(Path.cwd(), private_home)
    assert run(*arguments, "--json", "--sessions-dir", str(sessions_dir)) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    page = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name} *\|([^|;]*)", page, re.MULTILINE)
    assert set(re.findall("`([a-z_]+)`", row)) == record.keys()
