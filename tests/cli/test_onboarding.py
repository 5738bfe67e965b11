"""The question of the first start: who shall answer?"""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from aloop.cli import onboarding as first_run
from aloop.config import OFFLINE_MODEL, Settings
from aloop.errors import LocalModelError
from aloop.local_model.models import default_model
from tests.local_model.installation import install_fake

REMEMBERED = Path(".local/state/aloop/first-choice")


@pytest.fixture
def home(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody who was never here, on a machine that can have the small model."""
    (private_home / REMEMBERED).unlink()
    for name in ("aloop.local_model.installer.require_prerequisites", "aloop.cli.local.require_prerequisites"):
        monkeypatch.setattr(name, lambda _: None)
    return private_home


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Sit at a terminal and type; to be called in a test, for pytest has streams of its own before that."""
    terminal = io.StringIO("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def is_due() -> bool:
    return first_run.is_due(Settings.from_env())


def test_it_is_asked_where_nothing_but_the_demo_could_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch)
    assert is_due()


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ALOOP_MODEL"])
def test_a_key_or_a_model_is_answer_enough(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    type_in(monkeypatch)
    assert not is_due()


def test_so_is_a_model_on_this_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch)
    install_fake(home / ".local" / "share" / "aloop")
    assert not is_due()


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_where_nobody_sits_or_sees_it_nobody_is_asked(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch)
    monkeypatch.setattr(sys, name, io.StringIO())
    assert not is_due()


@pytest.mark.parametrize("line", ["3", ""])
def test_the_demo_is_chosen_once_and_for_all_and_in_private(
    home: Path, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, line)
    assert first_run.choose(Settings.from_env()) == Settings.from_env()
    said = capsys.readouterr().err
    assert all(len(row) < 60 for row in said.splitlines())
    assert [row.split()[0] for row in said.splitlines() if row.startswith("  ")] == ["1", "2", "3"]
    assert not is_due()
    assert stat.S_IMODE((home / REMEMBERED).stat().st_mode) == 0o600


def test_a_key_that_is_typed_in_counts_for_this_run_and_is_written_nowhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    monkeypatch.setattr("getpass.getpass", lambda _: "sk-typed ")
    type_in(monkeypatch, "1")
    settings = first_run.choose(Settings.from_env())
    assert settings is not None
    assert settings.has_credentials
    assert not any(b"sk-typed" in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_no_key_and_no_sense_are_asked_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    type_in(monkeypatch, "1", "what?", "3")
    assert first_run.choose(Settings.from_env()) is not None
    said = capsys.readouterr().err
    assert said.count("1, 2 or 3 [3]: ") == 3
    assert said.count("Which model should answer?") == 2, "what makes no sense is asked again in one line"


def test_ctrl_c_leaves_and_ends_the_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    type_in(monkeypatch)
    monkeypatch.setattr(sys.stdin, "readline", interrupt)
    with pytest.raises(KeyboardInterrupt):
        first_run.choose(Settings.from_env())
    assert capsys.readouterr().err.endswith("1, 2 or 3 [3]: \n")
    assert is_due()


def test_the_small_model_is_installed_on_the_spot(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.cli.local.install", lambda place, _: install_fake(place.data_dir))
    type_in(monkeypatch, "2", "y")
    assert first_run.choose(Settings.from_env()) is not None
    assert (home / REMEMBERED).read_text() == "2\n"


def test_an_install_that_fails_leaves_the_choice_open(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise LocalModelError("There is no network.")

    monkeypatch.setattr("aloop.cli.local.install", fail)
    type_in(monkeypatch, "2", "y")
    assert first_run.choose(Settings.from_env()) is None, "the lines have ended: the person leaves"
    assert "There is no network." in capsys.readouterr().err
    assert is_due()


def test_a_model_that_can_not_be_here_is_offered_with_the_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise LocalModelError("There is no pip.")

    monkeypatch.setattr("aloop.local_model.installer.require_prerequisites", refuse)
    type_in(monkeypatch, "3")
    assert first_run.choose(Settings.from_env()) is not None
    said = capsys.readouterr().err
    assert "this machine: not as things are, see below" in said
    assert said.index("There is no pip.\n") < said.index("1, 2 or 3")


def interrupt_fetch(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_fetch_that_is_stopped_leaves_the_demo_to_answer_and_the_choice_open(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aloop.cli.local.install", interrupt_fetch)
    type_in(monkeypatch, "2", "y")
    settings = first_run.choose(Settings.from_env())
    assert settings is not None
    assert default_model(settings) == OFFLINE_MODEL
    assert capsys.readouterr().err.splitlines()[-2].startswith("Stopped. Nothing is left of it; `aloop local install`")
    assert is_due()


def test_ctrl_c_once_more_leaves(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt_the_cleaning_too(*_: object) -> None:
        try:
            interrupt_fetch()
        finally:
            raise KeyboardInterrupt

    monkeypatch.setattr("aloop.cli.local.install", interrupt_the_cleaning_too)
    type_in(monkeypatch, "2", "y")
    with pytest.raises(KeyboardInterrupt):
        first_run.choose(Settings.from_env())


def test_what_can_not_be_remembered_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    type_in(monkeypatch, "3")
    assert first_run.choose(Settings.from_env()) is not None
    assert "This is asked again the next time" in capsys.readouterr().err
