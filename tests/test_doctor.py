"""Each thing that aloop needs is looked at, and each way in which it can be wrong is told with what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.cli import doctor
from aloop.cli.doctor import CHECKS, Surroundings, Verdict, examine
from aloop.errors import StorageError

WELL = Surroundings(
    env={"TERM": "xterm-256color", "ANTHROPIC_API_KEY": "sk-secret", "EDITOR": "vim -u NONE"},
    home=Path("/nowhere"),
    system="Linux",
    python="3.13.1",
    size=(80, 24),
    encoding="utf-8",
    now=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    find_program=lambda name: f"/usr/bin/{name}",
)


def with_env(**changes: str) -> Surroundings:
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
    check: Callable[[Surroundings], Verdict], around: Surroundings, level: str, said: str
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
    def fail(_: Surroundings) -> Verdict:
        raise error

    first, second = examine(WELL, [("first", fail), ("second", doctor.check_letters)])
    assert (first.level, "/x" in first.text, second.level) == ("fail", True, "ok")
