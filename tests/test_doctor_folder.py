"""The sessions folder as the doctor sees it, on a disk that fails when told to."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.cli import doctor as doctor_folder
from aloop.cli.doctor import FOLDER_CHECKS, Surroundings, Verdict, examine
from tests.memory.faults import FaultyPort
from tests.saved_sessions import FIRST, SECOND, break_session, save

Check = Callable[[Surroundings], Verdict]


@pytest.fixture
def around(sessions_dir: Path) -> Surroundings:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Surroundings({}, Path("/nowhere"), "Linux", "3.13.1", None, "utf-8", now, sessions_dir, port=FaultyPort())


def port(around: Surroundings) -> FaultyPort:
    assert isinstance(around.port, FaultyPort)
    return around.port


def test_a_folder_that_is_not_there_yet_is_well_and_not_made(around: Surroundings, sessions_dir: Path) -> None:
    assert {diagnosis.level for diagnosis in examine(around, FOLDER_CHECKS)} == {"ok"}
    assert not sessions_dir.parent.exists()


def test_a_look_at_a_folder_leaves_nothing_in_it(around: Surroundings, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    sessions_dir.chmod(0o700)
    found = list(examine(around, FOLDER_CHECKS))
    assert {diagnosis.level for diagnosis in found} == {"ok"}
    assert found[0].text == f"1 in {sessions_dir}"
    assert len(list(sessions_dir.iterdir())) == 1


def test_odd_sessions_are_counted_and_the_check_is_named(around: Surroundings, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    break_session(sessions_dir)
    ahead = save(sessions_dir, SECOND)
    ahead.write_text(ahead.read_text().replace('updated_at: "2025', 'updated_at: "2999'))
    (sessions_dir / "2025-01-01_00000000").mkdir()
    verdict = doctor_folder.check_sessions(around)
    assert verdict.level == "warn"
    assert verdict.text.endswith(": 1 can not be read, 1 dated in the future, by this clock, 1 without a session.yaml")
    assert "aloop sessions check" in verdict.advice


def test_a_file_in_its_place_is_a_fault(around: Surroundings, sessions_dir: Path) -> None:
    sessions_dir.parent.mkdir()
    sessions_dir.touch()
    assert doctor_folder.check_sessions(around).level == "fail"


@pytest.mark.parametrize(("mode", "level"), [(0o755, "warn"), (0o500, "fail"), (0o700, "ok")])
def test_the_folder_is_to_be_its_owners_alone(around: Surroundings, sessions_dir: Path, mode: int, level: str) -> None:
    sessions_dir.mkdir(parents=True)
    sessions_dir.chmod(mode)
    verdict = doctor_folder.check_privacy(around)
    sessions_dir.chmod(0o700)
    assert verdict.level == level
    assert level == "ok" or verdict.advice == f"chmod 700 {sessions_dir}"


@pytest.mark.parametrize(
    ("call", "number", "said"),
    [
        ("create", errno.EACCES, "not permitted"),
        ("create", errno.EROFS, "read-only"),
        ("write", errno.ENOSPC, "disk is full"),
        ("fsync", errno.EIO, "Input/output error"),
    ],
)
def test_a_folder_that_takes_no_files_is_a_fault(
    around: Surroundings, sessions_dir: Path, call: str, number: int, said: str
) -> None:
    sessions_dir.mkdir(parents=True)
    port(around).fail(call, number=number)
    verdict = doctor_folder.check_writing(around)
    assert verdict.level == "fail"
    assert said in verdict.text
    assert not list(sessions_dir.iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EACCES])
def test_a_disk_that_knows_no_locks_is_a_fault(around: Surroundings, sessions_dir: Path, number: int) -> None:
    sessions_dir.mkdir(parents=True)
    port(around).fail("try_lock", number=number)
    assert doctor_folder.check_locks(around).level == "fail"
    assert not list(sessions_dir.iterdir())


def test_a_disk_that_gives_a_lock_twice_is_a_fault(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around.port, "try_lock", lambda _: True)
    verdict = doctor_folder.check_locks(around)
    assert (verdict.level, "do not hold" in verdict.text) == ("fail", True)


@pytest.mark.parametrize(("free", "level"), [(10, "fail"), (50_000_000, "warn"), (2_000_000_000, "ok")])
def test_little_space_is_told(around: Surroundings, free: int, level: str) -> None:
    assert doctor_folder.check_disk(replace(around, free=lambda _: free)).level == level
