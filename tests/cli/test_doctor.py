"""Each thing that aloop needs is looked at, and each way in which it can be wrong is told with what to do.

The sessions folder as the doctor sees it, on a disk that fails when told to.

The doctor tells whether a model on this machine can answer.

``aloop doctor``: a line a thing, and an exit code for what must be mended.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli import doctor
from aloop.cli import doctor as doctor_folder
from aloop.cli.doctor import CHECKS, FOLDER_CHECKS, Diagnosis, Environment, Verdict, check_local_model, examine, lines
from aloop.errors import StorageError
from tests.local_model.installation import install_fake
from tests.memory.faults import FaultyPort
from tests.saved_sessions import FIRST, SECOND, break_session, save

WELL = Environment(
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
    return replace(WELL, env={**WELL.env, **changes})


def test_where_all_is_well_nothing_is_to_be_done() -> None:
    found = list(examine(WELL, CHECKS))
    assert [diagnosis.topic for diagnosis in found] == [topic for topic, _ in CHECKS]
    assert {(diagnosis.level, diagnosis.advice) for diagnosis in found} == {("ok", "")}


@pytest.mark.parametrize(
    ("check", "around", "level", "said"),
    [
        (doctor.check_python, replace(WELL, system="Windows"), "warn", "WSL"),
        (doctor.check_terminal, replace(WELL, size=None), "ok", "plain lines"),
        (doctor.check_terminal, with_env(TERM="dumb"), "warn", "set TERM"),
        (doctor.check_terminal, with_env(TERM=""), "warn", "TERM is not set"),
        (doctor.check_terminal, replace(WELL, size=(40, 24)), "warn", "40x24"),
        (doctor.check_terminal, with_env(NO_COLOR="1"), "ok", "no colours (NO_COLOR)"),
        (doctor.check_letters, replace(WELL, encoding="ISO-8859-1"), "warn", "LANG"),
        (doctor.check_key, with_env(ANTHROPIC_API_KEY=" "), "warn", "set ANTHROPIC_API_KEY"),
        (doctor.check_clock, replace(WELL, now=datetime(1970, 1, 1, tzinfo=UTC)), "fail", "Set the clock"),
        (doctor.check_editor, with_env(EDITOR="'"), "warn", "quotes"),
        (doctor.check_editor, replace(WELL, find_program=lambda _: None), "warn", "vim -u NONE"),
        (doctor.check_editor, replace(WELL, env={}, find_program=lambda _: None), "warn", "EDITOR"),
        (doctor.check_editor, replace(WELL, env={}), "ok", "editor"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    check: Callable[[Environment], Verdict], around: Environment, level: str, said: str
) -> None:
    verdict = check(around)
    assert verdict.level == level
    assert said in f"{verdict.text} {verdict.advice}"


def test_a_key_is_never_shown_nor_how_long_it_is() -> None:
    short, long = (list(examine(with_env(ANTHROPIC_API_KEY="x" * length), CHECKS)) for length in (1, 200))
    assert short == long
    assert "sk-secret" not in str(list(examine(WELL, CHECKS)))


def test_settings_that_make_no_sense_are_told_with_their_file(tmp_path: Path) -> None:
    path = tmp_path / "aloop" / "config.toml"
    path.parent.mkdir()
    around = with_env(XDG_CONFIG_HOME=str(tmp_path))
    path.write_text('modell = "x"')
    broken = doctor.check_config(around)
    assert (broken.level, str(path) in broken.text) == ("fail", True)
    path.write_text('model = "x"')
    assert doctor.check_config(around) == Verdict("ok", str(path))


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/x"), StorageError("/x failed", Path())])
def test_what_can_not_be_looked_at_is_a_fault_and_hides_no_other(error: Exception) -> None:
    def fail(_: Environment) -> Verdict:
        raise error

    first, second = examine(WELL, [("first", fail), ("second", doctor.check_letters)])
    assert (first.level, "/x" in first.text, second.level) == ("fail", True, "ok")


Check = Callable[[Environment], Verdict]


@pytest.fixture
def around(sessions_dir: Path) -> Environment:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Environment({}, Path("/nowhere"), "Linux", "3.13.1", None, "utf-8", now, sessions_dir, fs=FaultyPort())


def fs(around: Environment) -> FaultyPort:
    assert isinstance(around.fs, FaultyPort)
    return around.fs


def test_a_folder_that_is_not_there_yet_is_well_and_not_made(around: Environment, sessions_dir: Path) -> None:
    assert {diagnosis.level for diagnosis in examine(around, FOLDER_CHECKS)} == {"ok"}
    assert not sessions_dir.parent.exists()


def test_a_look_at_a_folder_leaves_nothing_in_it(around: Environment, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    sessions_dir.chmod(0o700)
    found = list(examine(around, FOLDER_CHECKS))
    assert {diagnosis.level for diagnosis in found} == {"ok"}
    assert found[0].text == f"1 in {sessions_dir}"
    assert len(list(sessions_dir.iterdir())) == 1


def test_odd_sessions_are_counted_and_the_check_is_named(around: Environment, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    break_session(sessions_dir)
    ahead = save(sessions_dir, SECOND)
    ahead.write_text(ahead.read_text().replace('updated_at: "2025', 'updated_at: "2999'))
    (sessions_dir / "2025-01-01_00000000").mkdir()
    verdict = doctor_folder.check_sessions(around)
    assert verdict.level == "warn"
    assert verdict.text.endswith(": 1 can not be read, 1 dated in the future, by this clock, 1 without a session.yaml")
    assert "aloop sessions check" in verdict.advice


def test_a_file_in_its_place_is_a_fault(around: Environment, sessions_dir: Path) -> None:
    sessions_dir.parent.mkdir()
    sessions_dir.touch()
    assert doctor_folder.check_sessions(around).level == "fail"


@pytest.mark.parametrize(("mode", "level"), [(0o755, "warn"), (0o500, "fail"), (0o700, "ok")])
def test_the_folder_is_to_be_its_owners_alone(around: Environment, sessions_dir: Path, mode: int, level: str) -> None:
    sessions_dir.mkdir(parents=True)
    sessions_dir.chmod(mode)
    verdict = doctor_folder.check_privacy(around)
    sessions_dir.chmod(0o700)
    assert verdict.level == level
    assert level == "ok" or verdict.advice == f"chmod 700 {sessions_dir}"


@pytest.mark.parametrize(
    ("call", "number", "said"),
    [
        ("create", errno.EACCES, "permission denied"),
        ("create", errno.EROFS, "read-only"),
        ("write", errno.ENOSPC, "disk is full"),
        ("fsync", errno.EIO, "Input/output error"),
    ],
)
def test_a_folder_that_takes_no_files_is_a_fault(
    around: Environment, sessions_dir: Path, call: str, number: int, said: str
) -> None:
    sessions_dir.mkdir(parents=True)
    fs(around).fail(call, number=number)
    verdict = doctor_folder.check_writing(around)
    assert verdict.level == "fail"
    assert said in verdict.text
    assert not list(sessions_dir.iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EACCES])
def test_a_disk_that_knows_no_locks_is_a_fault(around: Environment, sessions_dir: Path, number: int) -> None:
    sessions_dir.mkdir(parents=True)
    fs(around).fail("try_lock", number=number)
    assert doctor_folder.check_locks(around).level == "fail"
    assert not list(sessions_dir.iterdir())


def test_a_disk_that_gives_a_lock_twice_is_a_fault(around: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around.fs, "try_lock", lambda _: True)
    verdict = doctor_folder.check_locks(around)
    assert (verdict.level, "do not hold" in verdict.text) == ("fail", True)


@pytest.mark.parametrize(("free", "level"), [(10, "fail"), (50_000_000, "warn"), (2_000_000_000, "ok")])
def test_little_space_is_told(around: Environment, free: int, level: str) -> None:
    assert doctor_folder.check_disk(replace(around, free=lambda _: free)).level == level


def test_nobody_has_to_have_a_model(tmp_path: Path) -> None:
    verdict = check_local_model(replace(WELL, env={"ALOOP_DATA_DIR": str(tmp_path)}))
    assert (verdict.level, "aloop local install" in verdict.text) == ("ok", True)


def test_one_that_is_there_is_told_and_an_old_one_is_odd(tmp_path: Path) -> None:
    place = install_fake(tmp_path)
    around = replace(WELL, env={"ALOOP_DATA_DIR": str(tmp_path)})
    assert check_local_model(around).level == "ok"
    named = replace(around, env={**around.env, "ALOOP_LOCAL_MODEL": "/nowhere/x.gguf"})
    assert check_local_model(named).level == "warn"
    place.manifest.write_text("{}")
    assert check_local_model(around).level == "warn"


def test_settings_that_make_no_sense_are_left_to_their_own_check(tmp_path: Path) -> None:
    config = tmp_path / "aloop" / "config.toml"
    config.parent.mkdir()
    config.write_text("model = 3")
    verdict = check_local_model(replace(WELL, env={"XDG_CONFIG_HOME": str(tmp_path)}))
    assert (verdict.level, "settings" in verdict.text) == ("warn", True)


def test_each_thing_is_a_line_that_begins_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert {row.split()[0] for row in out.splitlines()} <= {"ok", "warn"}
    assert err.startswith("aloop works here")


def test_what_must_be_mended_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["doctor", "--json", "--sessions-dir", str(tmp_path / "file")]) == 1
    out, err = capsys.readouterr()
    records = [json.loads(row) for row in out.splitlines()]
    assert ["sessions", "fail"] in [[record["topic"], record["level"]] for record in records]
    assert "must be mended" in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("there is none", "warn  key       there is none. Set one."),
        ("Did you mean x?", "warn  key       Did you mean x? Set one."),
    ],
)
def test_advice_follows_as_a_sentence(text: str, line: str) -> None:
    assert lines(Diagnosis("key", "warn", text, "Set one."), None) == [line]


def test_a_line_is_folded_between_words_on_a_screen() -> None:
    folded = lines(Diagnosis("key", "ok", "there is one " + "/a-long-path" * 5, ""), 40)
    assert folded == ["ok    key       there is one", " " * 16 + "/a-long-path" * 5]


@pytest.mark.parametrize("arguments", [["--help"], ["--json", "--help"]])
def test_the_help_tells_of_the_marks(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    assert ended.value.code == 0
    assert "ok, warn, or fail" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["doctor", "now"], ["doctor", "--model", "x"], ["docter"]])
def test_what_makes_no_sense_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "doctor" in capsys.readouterr().err
