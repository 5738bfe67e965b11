"""The verdict of each check of ``aloop doctor``."""

from __future__ import annotations

import errno
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.cli import doctor_checks
from aloop.cli.doctor_checks import CHECKS, Check, Environment, Verdict, check_local_model, examine
from aloop.errors import StorageError
from aloop.sandbox import sandbox
from aloop.sandbox.sandbox import SandboxState
from tests.local_model.installation import install_fake
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, SECOND, break_session, save

FOLDER_TOPICS = ("sessions", "private", "git", "writing", "locks", "disk")
OTHER_TOPICS = [topic for topic in CHECKS if topic not in (*FOLDER_TOPICS, "local", "sandbox")]

GOOD = Environment(
    env={"TERM": "xterm-256color", "ANTHROPIC_API_KEY": "sk-secret", "EDITOR": "vim -u NONE"},
    home=Path("/nowhere"),
    system="Linux",
    python="3.13.1",
    size=(80, 24),
    encoding="utf-8",
    now=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    find_program=lambda name: f"/usr/bin/{name}",
)


def with_env(**changes: str) -> Environment:
    return replace(GOOD, env={**GOOD.env, **changes})


def test_checks_of_a_good_environment_are_ok_without_advice() -> None:
    found = list(examine(GOOD, OTHER_TOPICS))
    assert [topic for topic, _ in found] == OTHER_TOPICS
    assert {(verdict.level, verdict.advice) for _, verdict in found} == {("ok", "")}


@pytest.mark.parametrize(
    ("check", "here", "level", "expected"),
    [
        (doctor_checks.check_python, replace(GOOD, system="Windows"), "warn", "WSL"),
        (doctor_checks.check_terminal, replace(GOOD, size=None), "ok", "plain lines"),
        (doctor_checks.check_terminal, with_env(TERM="dumb"), "warn", "set TERM"),
        (doctor_checks.check_terminal, with_env(TERM=""), "warn", "TERM is not set"),
        (doctor_checks.check_terminal, replace(GOOD, size=(40, 24)), "warn", "40x24"),
        (doctor_checks.check_terminal, with_env(NO_COLOR="1"), "ok", "no colors (NO_COLOR)"),
        (doctor_checks.check_encoding, replace(GOOD, encoding="ISO-8859-1"), "warn", "LANG"),
        (doctor_checks.check_key, with_env(ANTHROPIC_API_KEY=" "), "warn", "set ANTHROPIC_API_KEY"),
        (doctor_checks.check_network, with_env(HTTPS_PROXY="ftp://proxy"), "fail", "HTTPS_PROXY"),
        (doctor_checks.check_network, with_env(SSL_CERT_FILE="/nowhere/ca.pem"), "fail", "SSL_CERT_FILE"),
        (doctor_checks.check_network, with_env(no_proxy="fd00::/8"), "fail", "no_proxy"),
        (doctor_checks.check_clock, replace(GOOD, now=datetime(1970, 1, 1, tzinfo=UTC)), "fail", "Set the clock"),
        (doctor_checks.check_editor, with_env(EDITOR="'"), "warn", "quotes"),
        (doctor_checks.check_editor, replace(GOOD, find_program=lambda _: None), "warn", "vim -u NONE"),
        (doctor_checks.check_editor, replace(GOOD, env={}, find_program=lambda _: None), "warn", "EDITOR"),
        (doctor_checks.check_editor, replace(GOOD, env={}), "ok", "editor"),
    ],
)
def test_check_reports_a_problem_with_advice(check: Check, here: Environment, level: str, expected: str) -> None:
    verdict = check(here)
    assert verdict.level == level
    assert expected in f"{verdict.text} {verdict.advice}"


@pytest.mark.parametrize(
    ("mark", "level", "expected"),
    [
        ("gitdir: /repository/.git/worktrees/work", "warn", "git worktree remove {} deletes them"),
        ("gitdir: ../.git/modules/work", "ok", "git clean -fdx in {} would delete them"),
        ("folder", "ok", "git clean -fdx in {} would delete them"),
    ],
)
def test_git_check_names_the_command_that_deletes_sessions(
    tmp_path: Path, mark: str, level: str, expected: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".git").mkdir() if mark == "folder" else (work / ".git").write_text(mark)
    verdict = doctor_checks.check_git(replace(GOOD, given=work / ".aloop" / "sessions"))
    assert verdict.level == level
    assert expected.format(work) in verdict.text


def test_git_check_knows_which_sessions_git_tracks(tmp_path: Path) -> None:
    work = tmp_path / "work"
    sessions = work / ".aloop" / "sessions"
    here = replace(GOOD, given=sessions)
    for session_id in (FIRST, SECOND):
        save(sessions, session_id)
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    assert doctor_checks.check_git(here).text.endswith("would delete them")
    first, second = sorted(sessions.glob("*/session.yaml"))
    subprocess.run(["git", "-C", str(work), "add", "-f", str(first)], check=True)
    assert "would delete 1 session that is not tracked" in doctor_checks.check_git(here).text
    subprocess.run(["git", "-C", str(work), "add", "-f", str(second)], check=True)
    assert doctor_checks.check_git(here).text == "git tracks the sessions, so git clean keeps them"


def test_verdicts_reveal_neither_the_api_key_nor_its_length() -> None:
    short, long = (list(examine(with_env(ANTHROPIC_API_KEY="x" * length), OTHER_TOPICS)) for length in (1, 200))
    assert short == long
    assert "sk-secret" not in str(list(examine(GOOD, OTHER_TOPICS)))


def test_config_check_names_an_invalid_file(tmp_path: Path) -> None:
    path = tmp_path / "aloop" / "config.toml"
    path.parent.mkdir()
    here = with_env(XDG_CONFIG_HOME=str(tmp_path))
    path.write_text('modell = "x"')
    broken = doctor_checks.check_config(here)
    assert (broken.level, str(path) in broken.text) == ("fail", True)
    path.write_text('model = "x"')
    assert doctor_checks.check_config(here) == Verdict("ok", str(path))


def test_servers_check_names_the_variables_of_missing_keys(tmp_path: Path) -> None:
    path = tmp_path / "aloop" / "config.toml"
    path.parent.mkdir()
    here = with_env(XDG_CONFIG_HOME=str(tmp_path), SECOND_KEY="sk-second")
    path.write_text(
        '[endpoints.first]\nbase_url = "https://a"\napi_key_env = "FIRST_KEY"\n'
        '[endpoints.second]\nbase_url = "https://b"\napi_key_env = "SECOND_KEY"\n'
    )
    verdict = doctor_checks.check_endpoints(here)
    assert (verdict.level, verdict.text) == ("warn", "the key is not set: first (FIRST_KEY)")
    verdict = doctor_checks.check_endpoints(replace(here, env={**here.env, "FIRST_KEY": "sk-first"}))
    assert verdict == Verdict("ok", "first, second (keys not verified)")
    path.write_text("[endpoints.first]")
    assert doctor_checks.check_endpoints(here).level == "warn"


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/x"), StorageError("/x failed", Path())])
def test_error_in_a_check_is_a_fail_and_does_not_stop_the_next_check(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Environment) -> Verdict:
        raise error

    monkeypatch.setitem(CHECKS, "python", fail)
    (_, first), (_, second) = examine(GOOD, ["python", "encoding"])
    assert (first.level, "/x" in first.text, second.level) == ("fail", True, "ok")


@pytest.fixture
def here(sessions_dir: Path) -> Environment:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Environment({}, Path("/nowhere"), "Linux", "3.13.1", None, "utf-8", now, sessions_dir, fs=FaultyFileSystem())


def fs(here: Environment) -> FaultyFileSystem:
    assert isinstance(here.fs, FaultyFileSystem)
    return here.fs


def test_missing_sessions_folder_is_ok_and_is_not_created(here: Environment, sessions_dir: Path) -> None:
    assert {verdict.level for _, verdict in examine(here, FOLDER_TOPICS)} == {"ok"}
    assert not sessions_dir.parent.exists()


def test_checks_leave_no_file_in_the_sessions_folder(here: Environment, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    sessions_dir.chmod(0o700)
    verdicts = dict(examine(here, FOLDER_TOPICS))
    assert {verdict.level for verdict in verdicts.values()} == {"ok"}
    assert verdicts["sessions"].text == f"1 in {sessions_dir}"
    assert len(list(sessions_dir.iterdir())) == 1


def test_sessions_with_problems_are_counted(here: Environment, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    break_session(sessions_dir)
    ahead = save(sessions_dir, SECOND)
    ahead.write_text(ahead.read_text().replace('updated_at: "2025', 'updated_at: "2999'))
    (sessions_dir / "2025-01-01_00000000").mkdir()
    verdict = doctor_checks.check_sessions(here)
    assert verdict.level == "warn"
    assert verdict.text.endswith(": 1 cannot be read, 1 dated in the future, 1 without a session.yaml")
    assert "aloop sessions check" in verdict.advice


def test_file_in_place_of_the_sessions_folder_is_a_fail(here: Environment, sessions_dir: Path) -> None:
    sessions_dir.parent.mkdir()
    sessions_dir.touch()
    assert doctor_checks.check_sessions(here).level == "fail"


@pytest.mark.parametrize(("mode", "level"), [(0o755, "warn"), (0o500, "fail"), (0o700, "ok")])
def test_privacy_check_depends_on_the_folder_mode(here: Environment, sessions_dir: Path, mode: int, level: str) -> None:
    sessions_dir.mkdir(parents=True)
    sessions_dir.chmod(mode)
    verdict = doctor_checks.check_privacy(here)
    sessions_dir.chmod(0o700)
    assert verdict.level == level
    assert level == "ok" or verdict.advice == f"Run chmod 700 {sessions_dir}"


@pytest.mark.parametrize(
    ("call", "number", "expected"),
    [
        ("create", errno.EACCES, "permission denied"),
        ("create", errno.EROFS, "read-only"),
        ("write", errno.ENOSPC, "disk is full"),
        ("fsync", errno.EIO, "Input/output error"),
    ],
)
def test_failed_write_is_a_fail_and_leaves_no_file(
    here: Environment, sessions_dir: Path, call: str, number: int, expected: str
) -> None:
    sessions_dir.mkdir(parents=True)
    fs(here).fail(call, number=number)
    verdict = doctor_checks.check_writing(here)
    assert verdict.level == "fail"
    assert expected in verdict.text
    assert not list(sessions_dir.iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EACCES])
def test_failed_lock_is_a_fail_and_leaves_no_file(here: Environment, sessions_dir: Path, number: int) -> None:
    sessions_dir.mkdir(parents=True)
    fs(here).fail("try_lock", number=number)
    assert doctor_checks.check_locks(here).level == "fail"
    assert not list(sessions_dir.iterdir())


def test_lock_granted_twice_is_a_fail(here: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.fs, "try_lock", lambda _: True)
    verdict = doctor_checks.check_locks(here)
    assert (verdict.level, "have no effect" in verdict.text) == ("fail", True)


@pytest.mark.parametrize(("free", "level"), [(10, "fail"), (50_000_000, "warn"), (2_000_000_000, "ok")])
def test_disk_check_depends_on_the_free_space(here: Environment, free: int, level: str) -> None:
    assert doctor_checks.check_disk(replace(here, free=lambda _: free)).level == level


def test_missing_local_model_is_ok(tmp_path: Path) -> None:
    verdict = check_local_model(replace(GOOD, env={"ALOOP_DATA_DIR": str(tmp_path)}))
    assert (verdict.level, "aloop local install" in verdict.text) == ("ok", True)


def test_outdated_or_unreadable_local_model_is_a_warning(tmp_path: Path) -> None:
    place = install_fake(tmp_path)
    here = replace(GOOD, env={"ALOOP_DATA_DIR": str(tmp_path)})
    assert check_local_model(here).level == "ok"
    named = replace(here, env={**here.env, "ALOOP_LOCAL_MODEL": "/nowhere/x.gguf"})
    assert check_local_model(named).level == "warn"
    place.manifest.write_text("{}")
    assert check_local_model(here).level == "warn"


def test_rules_check_counts_the_rules_and_names_a_wrong_line(private_home: Path) -> None:
    here = Environment.here(None)
    assert doctor_checks.check_rules(here) == Verdict("ok", "none (optional)")
    path = private_home / ".config/aloop/permissions"
    path.parent.mkdir(parents=True)
    path.write_text("deny write .env\n")
    assert doctor_checks.check_rules(here) == Verdict("ok", "1 rule in ~/.config/aloop/permissions")
    path.write_text("deny write .env\nallow everything\n")
    broken = doctor_checks.check_rules(here)
    assert broken.level == "fail"
    assert broken.text.startswith("~/.config/aloop/permissions, line 2: ")


def test_local_model_check_leaves_invalid_settings_to_the_config_check(tmp_path: Path) -> None:
    config = tmp_path / "aloop" / "config.toml"
    config.parent.mkdir()
    config.write_text("model = 3")
    verdict = check_local_model(replace(GOOD, env={"XDG_CONFIG_HOME": str(tmp_path)}))
    assert (verdict.level, "settings" in verdict.text) == ("warn", True)


@pytest.mark.parametrize(
    ("mode", "works", "level", "text"),
    [
        ("auto", True, "ok", "commands run in a sandbox: bubblewrap"),
        ("auto", False, "warn", "commands run without a sandbox: bubblewrap is not installed"),
        ("require", False, "fail", "commands are refused: bubblewrap is not installed"),
        ("off", True, "ok", "off in the settings"),
    ],
)
def test_sandbox_check_depends_on_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, works: bool, level: str, text: str
) -> None:
    state = SandboxState(
        works, "bubblewrap" if works else "bubblewrap is not installed", "" if works else "Install it."
    )
    monkeypatch.setattr(sandbox, "find_state", lambda _folder, _settings: state)
    monkeypatch.setattr(sandbox, "find_problem", lambda _folder, _settings: "")
    config = tmp_path / "aloop" / "config.toml"
    config.parent.mkdir()
    config.write_text(f'sandbox = "{mode}"')
    verdict = doctor_checks.check_sandbox(replace(GOOD, env={"XDG_CONFIG_HOME": str(tmp_path)}))
    assert (verdict.level, verdict.advice) == (level, state.advice if mode != "off" else "")
    assert verdict.text.startswith(text)


def test_sandbox_check_reports_a_problem_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "find_state", lambda _folder, _settings: SandboxState(True, "bubblewrap"))
    (tmp_path / ".git").symlink_to("missing")
    monkeypatch.chdir(tmp_path)
    verdict = doctor_checks.check_sandbox(GOOD)
    assert verdict.level == "warn"
    assert verdict.text.startswith(f"commands fail in this folder: {tmp_path}/.git is a link")


def test_settings_in_a_folder_of_another_user_fail_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> object:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "lstat", refuse)
    verdict = doctor_checks.check_config(replace(GOOD, home=tmp_path))
    assert verdict.level == "fail"
    assert "cannot be read: Permission denied" in verdict.text
