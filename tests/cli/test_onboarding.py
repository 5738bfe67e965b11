"""The question at the first start: which model should answer."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from aloop.cli import onboarding
from aloop.config.settings import Settings
from aloop.config.values import OFFLINE_MODEL, Endpoint
from aloop.errors import LocalModelError
from aloop.llm.models import catalog
from aloop.local_model.models import InstallPaths, default_model
from tests.local_model.installation import install_fake
from tests.stub import StubServer

ANSWER_FILE = Path(".local/state/aloop/first-choice")


@pytest.fixture
def home(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a new user, on a machine that can run the small model."""
    (private_home / ANSWER_FILE).unlink()
    monkeypatch.setattr(catalog, "LOCAL_SERVERS", {})
    for name in ("aloop.local_model.installer.require_prerequisites", "aloop.cli.local.require_prerequisites"):
        monkeypatch.setattr(name, lambda _: None)
    return private_home


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Type lines at a terminal.

    Call this in the test itself: pytest replaces the streams before that.
    """
    terminal = io.StringIO("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def is_due() -> bool:
    return onboarding.is_due(Settings.from_env())


def test_question_is_due_if_only_the_demo_can_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch)
    assert is_due()


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ALOOP_MODEL"])
def test_question_is_not_due_with_a_key_or_a_model(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    type_in(monkeypatch)
    assert not is_due()


def test_question_is_not_due_with_an_installed_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch)
    install_fake(home / ".local" / "share" / "aloop")
    assert not is_due()


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_question_is_not_due_without_a_terminal(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch)
    monkeypatch.setattr(sys, name, io.StringIO())
    assert not is_due()


@pytest.mark.parametrize("line", ["3", ""])
def test_choice_of_the_demo_is_saved_in_a_private_file(
    home: Path, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, line)
    assert onboarding.choose(Settings.from_env()) == Settings.from_env()._replace(model=OFFLINE_MODEL)
    shown = capsys.readouterr().err
    assert all(len(row) < 60 for row in shown.splitlines())
    assert [row.split()[0] for row in shown.splitlines() if row.startswith("  ")] == ["1", "2", "3"]
    assert not is_due()
    assert stat.S_IMODE((home / ANSWER_FILE).stat().st_mode) == 0o600


@pytest.fixture
def server(stub: StubServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> StubServer:
    """A model server on this machine."""
    stub.models = ["nomic-embed-text", "qwen3:8b", "llama3"]
    monkeypatch.setattr(catalog, "LOCAL_SERVERS", {"ollama": Endpoint("ollama", base_url=stub.url)})
    return stub


def test_model_of_a_server_on_this_machine_is_offered_and_stored(
    home: Path, server: StubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, "4")
    settings = onboarding.choose(Settings.from_env())
    shown = capsys.readouterr().err
    assert "  4  ollama/qwen3:8b, on this machine\n" in shown
    assert "1, 2, 3 or 4 [3]: " in shown
    assert settings is not None
    assert settings.model == Settings.from_env().model == "ollama/qwen3:8b"
    assert (home / ".config/aloop/config.toml").read_text() == 'model = "ollama/qwen3:8b"\n'
    assert not is_due()


def test_settings_that_exist_are_not_changed_by_the_choice_of_a_server(
    home: Path, server: StubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".config/aloop/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("plain = true\n")
    monkeypatch.setenv("ALOOP_MODEL", "")
    type_in(monkeypatch, "4")
    settings = onboarding.choose(Settings.from_env())
    assert settings is not None
    assert settings.model == "ollama/qwen3:8b"
    assert not (home / ANSWER_FILE).exists()
    assert path.read_text() == "plain = true\n"
    assert 'add `model = "ollama/qwen3:8b"` to the top of' in " ".join(capsys.readouterr().err.split())


def test_entered_api_key_is_used_in_this_run_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    monkeypatch.setattr("getpass.getpass", lambda _: "sk-typed ")
    type_in(monkeypatch, "1")
    settings = onboarding.choose(Settings.from_env())
    assert settings is not None
    assert settings.has_credentials
    assert not any(b"sk-typed" in path.read_bytes() for path in home.rglob("*") if path.is_file())
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    assert is_due()


def test_choice_of_the_demo_is_not_the_small_model_installed_before(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install_and_fail(place: InstallPaths, _: object) -> None:
        install_fake(place.data_dir)
        raise LocalModelError("The model cannot be loaded.")

    monkeypatch.setattr("aloop.cli.local.install", install_and_fail)
    type_in(monkeypatch, "2", "y", "3")
    settings = onboarding.choose(Settings.from_env())
    assert settings is not None
    assert settings.model == OFFLINE_MODEL
    assert default_model(settings) != OFFLINE_MODEL


@pytest.mark.parametrize("key", ["sk-ant-ключ", "sk ant", "sk-\x1b"])
def test_text_that_cannot_be_a_key_is_refused_and_the_question_repeated(
    home: Path, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    monkeypatch.setattr("getpass.getpass", lambda _: key)
    type_in(monkeypatch, "1", "3")
    assert onboarding.choose(Settings.from_env()) is not None
    shown = capsys.readouterr().err
    assert "An API key contains only ASCII letters, digits and punctuation." in shown
    assert shown.count("Which model should answer?") == 2
    assert not os.environ["ANTHROPIC_API_KEY"]


def test_wrong_answer_is_quoted_with_what_to_type(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, "\x1b7", "3")
    assert onboarding.choose(Settings.from_env()) is not None
    assert "'^[7' is not one of the choices. Type a number, or press Ctrl-D to quit.\n" in capsys.readouterr().err


def test_empty_key_and_invalid_answer_are_asked_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    type_in(monkeypatch, "1", "what?", "3")
    assert onboarding.choose(Settings.from_env()) is not None
    shown = capsys.readouterr().err
    assert shown.count("1, 2 or 3 [3]: ") == 3
    assert shown.count("Which model should answer?") == 2, "an invalid answer repeats the last line only"


def test_ctrl_c_ends_the_line_and_leaves_the_question_due(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    type_in(monkeypatch)
    monkeypatch.setattr(sys.stdin, "readline", interrupt)
    with pytest.raises(KeyboardInterrupt):
        onboarding.choose(Settings.from_env())
    assert capsys.readouterr().err.endswith("1, 2 or 3 [3]: \n")
    assert is_due()


def test_choice_of_the_small_model_installs_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.cli.local.install", lambda place, _: install_fake(place.data_dir))
    type_in(monkeypatch, "2", "y")
    assert onboarding.choose(Settings.from_env()) is not None
    assert (home / ANSWER_FILE).read_text() == "2\n"


def test_failed_install_leaves_the_question_due(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise LocalModelError("The network is down.")

    monkeypatch.setattr("aloop.cli.local.install", fail)
    type_in(monkeypatch, "2", "y")
    assert onboarding.choose(Settings.from_env()) is None, "the end of input leaves the question"
    assert "The network is down." in capsys.readouterr().err
    assert is_due()


def test_unavailable_small_model_is_listed_with_the_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise LocalModelError("pip is missing.")

    monkeypatch.setattr("aloop.local_model.installer.require_prerequisites", refuse)
    type_in(monkeypatch, "3")
    assert onboarding.choose(Settings.from_env()) is not None
    shown = capsys.readouterr().err
    assert "local model: not available, see below" in shown
    assert shown.index("pip is missing.\n") < shown.index("1, 2 or 3")


def test_reason_against_the_small_model_is_given_once_for_each_time_it_is_chosen(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise LocalModelError("pip is missing.")

    monkeypatch.setattr("aloop.local_model.installer.require_prerequisites", refuse)
    monkeypatch.setattr("aloop.cli.local.require_prerequisites", refuse)
    type_in(monkeypatch, "2", "3")
    assert onboarding.choose(Settings.from_env()) is not None
    shown = capsys.readouterr().err
    assert shown.count("pip is missing.") == 2
    assert "local model: not available, see above" in shown


def interrupt_install(*_: object) -> None:
    raise KeyboardInterrupt


def test_interrupted_install_starts_the_demo_and_leaves_the_question_due(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aloop.cli.local.install", interrupt_install)
    type_in(monkeypatch, "2", "y")
    settings = onboarding.choose(Settings.from_env())
    assert settings is not None
    assert default_model(settings) == OFFLINE_MODEL
    assert "Stopped. Nothing was installed. Run `aloop local install`" in capsys.readouterr().err.splitlines()[-2]
    assert is_due()


def test_second_ctrl_c_during_an_install_exits(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt_cleanup_too(*_: object) -> None:
        try:
            interrupt_install()
        finally:
            raise KeyboardInterrupt

    monkeypatch.setattr("aloop.cli.local.install", interrupt_cleanup_too)
    type_in(monkeypatch, "2", "y")
    with pytest.raises(KeyboardInterrupt):
        onboarding.choose(Settings.from_env())


def test_unsaved_answer_is_reported(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    type_in(monkeypatch, "3")
    assert onboarding.choose(Settings.from_env()) is not None
    assert "Your answer was not saved" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [40, 60])
def test_question_breaks_its_rows_between_words(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 20)))
    type_in(monkeypatch, "3")
    assert onboarding.choose(Settings.from_env()) is not None
    shown = capsys.readouterr().err
    assert all(len(row) < columns for row in shown.splitlines())
    assert (columns == 60) == ("  1  Claude: enter an API key for this run\n" in shown)
    assert columns == 60 or "  1  Claude: enter an API key for\n     this run\n" in shown


def test_offer_of_the_small_model_breaks_its_rows_between_words(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 20)))
    type_in(monkeypatch, "2", "n", "3")
    onboarding.choose(Settings.from_env())
    rows = capsys.readouterr().err.splitlines()
    assert "These packages contain a small language" in rows
    # The terminal wraps an address, so that it can be copied, and the user ends the row of a question.
    assert [row for row in rows if len(row) >= 40 and "https://" not in row and "[y/N]" not in row] == []
