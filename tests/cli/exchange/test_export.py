"""``aloop export``."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from aloop.cli.parser import parse_arguments
from aloop.errors import StorageError, UsageError
from aloop.export import document
from aloop.memory.disk.filesystem import write_atomic
from tests.saved_sessions import FIRST, SECOND, THIRD, break_session, save


def run(sessions_dir: Path, *arguments: str) -> int:
    options = parse_arguments(["export", *arguments, "--sessions-dir", str(sessions_dir)])
    code: int = options.run()  # type: ignore[union-attr] # only the prompt has no run
    return code


def test_session_goes_where_the_tool_looks_and_the_command_is_printed(
    sessions_dir: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    assert run(sessions_dir, "a1b2", "--to", "claude-code") == 0
    out, err = capsys.readouterr()
    [path] = (private_home / ".claude" / "projects").glob("*/*.jsonl")
    assert out == f"claude --resume {path.stem}\n"
    assert f"Exported to ~/{path.relative_to(private_home)}\n" in err
    assert path.stat().st_mode & 0o077 == 0
    assert run(sessions_dir, "a1b2", "--to", "claude-code") == 0
    assert len(list(path.parent.iterdir())) == 2


def test_session_for_opencode_is_in_the_folder_for_exports_with_one_command(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    assert run(sessions_dir, "a1b2", "--to", "opencode") == 0
    out, err = capsys.readouterr()
    [path] = (sessions_dir.parent / "exports").glob("ses_*.json")
    assert out == f"opencode import {path} && opencode --session {path.stem}\n"
    assert f"Exported to {path}" in err
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("variable", ["CODEX_HOME", "CLAUDE_CONFIG_DIR"])
def test_relative_folder_of_a_tool_is_used(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    save(sessions_dir, FIRST)
    monkeypatch.setenv(variable, "store")
    assert run(sessions_dir, "a1b2", "--to", {"CODEX_HOME": "codex"}.get(variable, "claude-code")) == 0
    [path] = Path("store").rglob("*.jsonl")
    assert path.stem.endswith(capsys.readouterr().out.split()[-1])


def test_document_goes_to_standard_output_or_a_new_file(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    assert run(sessions_dir, "a1b2", "--to", "openai") == 0
    messages = json.loads(capsys.readouterr().out)["messages"]
    assert [message["role"] for message in messages][:2] == ["system", "user"]
    target = tmp_path / "talk.md"
    assert run(sessions_dir, "a1b2", "-o", str(target)) == 0
    text = target.read_text()
    with pytest.raises(StorageError, match="already exists and was not changed"):
        run(sessions_dir, "a1b2", "-o", str(target))
    assert target.read_text() == text


def test_all_sessions_are_written_once_and_a_broken_one_is_reported(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    break_session(sessions_dir)
    target = tmp_path / "backup"
    assert run(sessions_dir, "--all", str(target), "--to", "json") == 1
    assert len(list(target.iterdir())) == 1
    assert "1 exported" in capsys.readouterr().err
    assert run(sessions_dir, "--all", str(target), "--to", "json") == 1
    assert ": 1 not exported, 1 already there." in capsys.readouterr().err
    [exported] = target.iterdir()
    exported.write_text("older")
    assert run(sessions_dir, "--all", str(target), "--to", "json") == 1
    assert ": 1 not exported, 1 different from the file there." in capsys.readouterr().err
    assert exported.read_text() == "older"


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_differing_file_makes_the_export_of_all_fail(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, target = save(sessions_dir, FIRST), tmp_path / "backup"
    for form in ("json", "md"):
        assert run(sessions_dir, "--all", str(target), "--to", form) == 0
    rewrite(session, "  - role: assistant\n    content: null", "  - role: assistant\n    content: Grown.")
    before = {path: path.read_bytes() for path in target.iterdir()}
    capsys.readouterr()
    for form in ("json", "md"):
        assert run(sessions_dir, "--all", str(target), "--to", form) == 1
        err = capsys.readouterr().err
        assert ("1 different from the file there." in err, "Add --update" in err) == (True, form == "json")
    assert {path: path.read_bytes() for path in target.iterdir()} == before


def grow(session: Path) -> None:
    rewrite(session, "T09:30:00", "T09:45:00")
    rewrite(session, "Be brief.", "Be brief, please.")  # as a start of aloop with other instructions
    with session.open("a") as stream:
        stream.write("  - role: user\n    content: And 3+3?\n")


def test_update_replaces_the_export_of_a_session_that_has_grown(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, target = save(sessions_dir, FIRST), tmp_path / "backup"
    backup = ["--all", str(target), "--to", "json", "--update"]
    assert run(sessions_dir, *backup) == 0
    grow(session)
    assert run(sessions_dir, *backup) == 0
    assert ": 1 updated." in capsys.readouterr().err
    [path] = target.iterdir()
    assert json.loads(path.read_text())["messages"][-1]["content"] == "And 3+3?"
    assert run(sessions_dir, *backup) == 0
    assert ": 1 already there." in capsys.readouterr().err


def test_update_replaces_the_export_of_a_session_that_was_compacted(sessions_dir: Path, tmp_path: Path) -> None:
    session, target = save(sessions_dir, FIRST), tmp_path / "backup"
    backup = ["--all", str(target), "--to", "json", "--update"]
    assert run(sessions_dir, *backup) == 0
    summary = "  - role: user\n    content: A sum.\n    summary: true\n"
    rewrite(session, "  - role: assistant\n    content: |", f"{summary}  - role: assistant\n    content: |")
    assert run(sessions_dir, *backup) == 0
    [path] = target.iterdir()
    assert [message["content"] for message in json.loads(path.read_text())["messages"]][3] == "A sum."


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", SECOND),
        ("updated_at", "2099-01-01T00:00:00+00:00"),
        ("updated_at", None),
        ("messages", [{"role": "user", "content": "What is 1+1?"}]),
        ("messages", [{"role": "user", "content": "What is 2+2?"}] * 9),
        ("messages", "none"),
        ("attached_files", {"outputs/0001-a.txt": {"text": "only here"}}),
    ],
)
def test_update_keeps_a_file_that_has_more_than_the_session(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: object
) -> None:
    session, target = save(sessions_dir, FIRST), tmp_path / "backup"
    backup = ["--all", str(target), "--to", "json", "--update"]
    assert run(sessions_dir, *backup) == 0
    grow(session)
    [path] = target.iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    before = path.read_bytes()
    assert run(sessions_dir, *backup) == 1
    assert "only if the session still has everything in it" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "not JSON", "# Chat", "[" * 100_000])
def test_update_keeps_a_file_that_is_not_an_export(sessions_dir: Path, tmp_path: Path, text: str) -> None:
    save(sessions_dir, FIRST)
    backup = ["--all", str(tmp_path / "backup"), "--to", "json", "--update"]
    assert run(sessions_dir, *backup) == 0
    [path] = (tmp_path / "backup").iterdir()
    path.write_text(text)
    assert run(sessions_dir, *backup) == 1
    assert path.read_text() == text


def test_update_keeps_a_link(sessions_dir: Path, tmp_path: Path) -> None:
    session, target = save(sessions_dir, FIRST), tmp_path / "backup"
    backup = ["--all", str(target), "--to", "json", "--update"]
    assert run(sessions_dir, *backup) == 0
    grow(session)
    [path] = target.iterdir()
    elsewhere = path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(elsewhere)
    assert run(sessions_dir, *backup) == 1
    assert path.is_symlink()


@pytest.mark.parametrize("arguments", [["a1b2"], ["--all", "backup"], ["--all", "backup", "--to", "html"]])
def test_update_is_for_json_exports_of_all(sessions_dir: Path, arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="--update is for --all with --to json"):
        run(sessions_dir, *arguments, "--update")


def test_losses_are_printed_only_after_success(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(save(sessions_dir, FIRST), 'What is 2+2?"', 'What is 2+2?"\n    skip: true')
    target = tmp_path / "talk.json"
    target.touch()
    with pytest.raises(StorageError, match="already exists"):
        run(sessions_dir, "a1b2", "--to", "openai", "-o", str(target))
    assert "Left out" not in capsys.readouterr().err
    target.unlink()
    assert run(sessions_dir, "a1b2", "--to", "openai", "-o", str(target)) == 0
    assert "Left out: skipped messages (1)." in capsys.readouterr().err


@pytest.mark.parametrize("form", ["openai", "anthropic", "sharegpt"])
def test_export_without_a_message_to_send_is_noted(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    path = save(sessions_dir, FIRST)
    assert run(sessions_dir, "a1b2", "--to", form) == 0
    note = "No message of this session can be sent, so the export has no conversation."
    assert note not in capsys.readouterr().err
    path.write_text(path.read_text().replace("\n    content:", "\n    skip: true\n    content:"))
    assert run(sessions_dir, "a1b2", "--to", form) == 0
    assert f"Left out: skipped messages (4). {note}\n" in capsys.readouterr().err
    assert run(sessions_dir, "--all", str(tmp_path / "all"), "--to", form) == 0
    left_out = "skipped messages (4), conversations without a message that can be sent (1)"
    assert f"Left out: {left_out}.\n" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_export_of_all_that_is_stopped_counts_the_files_that_are_written(
    error: BaseException,
    sessions_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write = write_atomic

    def stop(fs: Any, path: Path, *arguments: Any, **options: Any) -> None:
        if path.parent == target and list(target.iterdir()):
            raise error
        write(fs, path, *arguments, **options)

    for session_id in (FIRST, SECOND, THIRD):
        save(sessions_dir, session_id)
    target = tmp_path / "backup"
    monkeypatch.setattr(document, "write_atomic", stop)
    with pytest.raises((KeyboardInterrupt, StorageError)):
        run(sessions_dir, "--all", str(target), "--to", "json")
    stopped, counts = capsys.readouterr().err.splitlines()
    assert stopped.startswith("Stopped. All files written so far are complete")
    assert counts == f"3 sessions to {target}: 1 exported, 2 not exported."
    assert len(list(target.iterdir())) == 1


def test_export_of_all_that_cannot_start_counts_all_sessions(
    sessions_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for session_id in (FIRST, SECOND):
        save(sessions_dir, session_id)
    monkeypatch.setattr(document, "write_atomic", fail)
    with pytest.raises(StorageError, match="the disk is full"):
        run(sessions_dir, "--all", str(tmp_path / "backup"), "--to", "json")
    assert capsys.readouterr().err == f"2 sessions to {tmp_path / 'backup'}: 2 not exported.\n"


def test_wrong_combinations_are_explained(sessions_dir: Path) -> None:
    with pytest.raises(UsageError, match="Give the ID of a session, or --all"):
        run(sessions_dir)
    with pytest.raises(UsageError, match="--all writes documents"):
        run(sessions_dir, "--all", "x", "--to", "pi")
    with pytest.raises(UsageError, match=r"^--to: 'pdf' is not one of md, html.*pi. Run `aloop export --help`"):
        run(sessions_dir, "a1b2", "--to", "pdf")


@pytest.mark.parametrize(
    ("word", "meant"), [("markdown", "md"), ("htm", "html"), ("JSON", "json"), ("claude", "claude-code")]
)
def test_format_with_another_name_brings_the_one_that_is_meant(sessions_dir: Path, word: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"is not one of md, html.*pi\. Did you mean '{meant}'\? Run `aloop export"):
        run(sessions_dir, "a1b2", "--to", word)


def test_command_is_printed_only_if_the_tool_looks_at_the_file(
    sessions_dir: Path, tmp_path: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    assert run(sessions_dir, "a1b2", "--to", "codex", "-o", str(tmp_path / "talk.jsonl")) == 0
    out, err = capsys.readouterr()
    assert not out
    assert "move the file to ~/.codex/sessions" in err


def test_missing_folder_and_a_file_as_folder_are_named(sessions_dir: Path, tmp_path: Path) -> None:
    save(sessions_dir, FIRST)
    file = tmp_path / "file"
    file.touch()
    for form in ("md", "codex"):
        with pytest.raises(StorageError, match=r"the folder .*/missing does not exist. Create it"):
            run(sessions_dir, "a1b2", "--to", form, "-o", str(tmp_path / "missing" / "talk"))
        for path in (file / "talk", file / "deeper" / "talk"):
            with pytest.raises(StorageError, match=rf"{file} is not a folder. Move it"):
                run(sessions_dir, "a1b2", "--to", form, "-o", str(path))
    with pytest.raises(UsageError, match=rf"{file} is not a folder"):
        run(sessions_dir, "--all", str(file))


def test_output_beside_all_is_a_usage_error(sessions_dir: Path, tmp_path: Path) -> None:
    save(sessions_dir, FIRST)
    with pytest.raises(UsageError, match=r"--all names the folder for all sessions, so --output has no meaning"):
        run(sessions_dir, "--all", str(tmp_path / "backup"), "-o", str(tmp_path / "talk.md"))
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("arguments", [["a1b2", "-o"], ["a1b2", "--to", "codex", "-o"], ["--all"]])
def test_printed_path_has_no_steps_up(
    arguments: list[str], sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    (tmp_path / "sub").mkdir()
    run(sessions_dir, *arguments, str(tmp_path / "sub" / ".." / "talk"))
    err = capsys.readouterr().err
    assert (f"to {tmp_path}/talk" in err, ".." in err) == (True, False)
    assert (tmp_path / "talk").exists()


def test_step_up_after_a_link_leads_where_the_link_does(sessions_dir: Path, tmp_path: Path) -> None:
    save(sessions_dir, FIRST)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    run(sessions_dir, "a1b2", "-o", str(tmp_path / "link" / ".." / "talk.md"))
    assert (tmp_path / "a" / "talk.md").exists()
