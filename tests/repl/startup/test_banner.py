"""The very first start is remembered in the user's own state folder, and greeted in three lines."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.config import Settings
from repl.options import ShellOptions
from repl.output.styled import to_text
from repl.startup.banner import greeting, is_first_start, remember_start, welcome_lines


def test_a_start_is_the_first_until_one_is_remembered(private_home: Path) -> None:
    settings = Settings.from_env()
    assert is_first_start(settings)
    remember_start(settings)
    remember_start(settings)
    assert not is_first_start(settings)
    mark = private_home / ".local/state/aloop/welcomed"
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    assert stat.S_IMODE(mark.parent.stat().st_mode) == 0o700


def test_whoever_typed_here_before_is_no_newcomer() -> None:
    settings = Settings.from_env()
    settings.history_file.touch()
    assert not is_first_start(settings)


def test_a_state_folder_that_can_not_be_written_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    remember_start(Settings.from_env())
    assert is_first_start(Settings.from_env())


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("model", [None, "offline"])
def test_a_newcomer_gets_three_lines_that_fit_on_any_screen(has_key: bool, model: str | None) -> None:
    settings = replace(Settings.from_env(), has_credentials=has_key)
    lines = to_text(welcome_lines(model, settings, ".aloop/sessions")).splitlines()
    assert len(lines) == 3
    assert all(len(line) < 60 for line in lines)
    assert ".aloop/sessions" in lines[0]
    assert "/help" in lines[1]
    assert ("ANTHROPIC_API_KEY" in lines[2]) == (not has_key and model is None)


def test_a_model_without_tools_is_not_said_to_ask_before_it_uses_them() -> None:
    lines = to_text(welcome_lines("local", Settings.from_env(), ".aloop/sessions")).splitlines()
    assert lines[2] == "local · SmolLM2-135M · runs on this machine"


def test_a_session_that_is_resumed_is_greeted_as_ever() -> None:
    options = ShellOptions(Settings.from_env(), None, None, "")
    assert "conversations are saved" not in to_text(greeting(options, 80))
    assert "conversations are saved" in to_text(greeting(replace(options, resume=None), 80))


def test_a_newcomer_is_told_of_the_folder_that_is_used(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ShellOptions(Settings.from_env(), None, None, None)
    assert "are saved in .aloop/sessions\n" in to_text(greeting(options, 80))
    deep = private_home / "project" / "src"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    (deep.parent / ".aloop" / "sessions").mkdir(parents=True)
    assert "are saved in ~/project/.aloop/sessions\n" in to_text(greeting(options, 80))
    assert "are saved in mine\n" in to_text(greeting(replace(options, sessions_dir=Path("mine")), 80))
    deep.rmdir()
    assert "are saved in .aloop/sessions\n" in to_text(greeting(options, 80))
