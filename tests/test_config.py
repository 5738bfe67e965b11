"""The user's own settings file: what it may say, and what is told when it says something else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aloop.config import FileSettings, Settings, config_path, read_config_file
from aloop.errors import UsageError
from aloop.llm import create_llm
from tests.stub import StubServer

ROOT = Path(__file__).parents[1]


@pytest.fixture
def config(private_home: Path) -> Path:
    path = private_home / ".config" / "aloop" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def test_without_a_file_nothing_is_said(config: Path) -> None:
    assert read_config_file(config) == FileSettings()


def test_the_file_sets_what_the_environment_does_not(config: Path) -> None:
    config.write_text('model = "some-model"\nbase_url = "http://localhost:1"\nediting_mode = "vi"\n')
    settings = Settings.from_env()
    assert (settings.model, settings.base_url, settings.editing_mode) == ("some-model", "http://localhost:1", "vi")


def test_the_environment_goes_first(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('model = "some-model"\nbase_url = "http://localhost:1"\n')
    monkeypatch.setenv("ALOOP_MODEL", "another")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:2")
    settings = Settings.from_env()
    assert (settings.model, settings.base_url) == ("another", None)


def test_the_address_in_the_file_is_the_one_that_is_spoken_to(
    config: Path, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.script("Hello.")
    monkeypatch.setenv("ANTHROPIC_API_KEY", stub.env["ANTHROPIC_API_KEY"])
    config.write_text(f'base_url = "{stub.env["ANTHROPIC_BASE_URL"]}"\n')
    code = "from aloop.__main__ import main; raise SystemExit(main(['--task', 'Hi']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Hello.\n")


def test_a_project_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (".config/aloop", ".aloop", "aloop"):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "config.toml").write_text('model = "offline"\nbase_url = "http://evil"\n')
    Path(".env").write_text("ANTHROPIC_API_KEY=sk-project\nALOOP_MODEL=evil\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", ".config")
    settings = Settings.from_env()
    assert (settings.model, settings.base_url, settings.has_credentials) == (None, None, False)
    assert create_llm(settings=settings).model == "offline"


def test_the_place_can_be_named_by_an_absolute_path(tmp_path: Path) -> None:
    assert config_path({"XDG_CONFIG_HOME": "/etc/xdg"}, tmp_path) == Path("/etc/xdg/aloop/config.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('modle = "x"', "Unknown setting 'modle'. Did you mean 'model'?"),
        ('api_key = "x"', "The settings are model, base_url, editing_mode, verbose, thinking and plain."),
        ("model = 3", "model must be a text"),
        ('model = " "', "model must be a text"),
        ('base_url = "localhost"', "base_url must begin with https://"),
        ('plain = "yes"', "plain must be true or false"),
        ('editing_mode = "ed"', "editing_mode must be emacs or vi"),
        ("model = ", "is no TOML: "),
        ('verbose = "yes"', "verbose must be true or false"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line_with_the_file(config: Path, text: str, complaint: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError, match=complaint) as caught:
        Settings.from_env()
    assert str(caught.value).startswith(str(config))
    assert "\n" not in str(caught.value)


def test_a_file_that_can_not_be_read_is_told_of(config: Path) -> None:
    config.mkdir()
    with pytest.raises(UsageError, match="can not be read: Is a directory"):
        Settings.from_env()
    config.rmdir()
    config.write_bytes(b"model = '\xff'")
    with pytest.raises(UsageError, match="not UTF-8"):
        Settings.from_env()


def test_without_a_file_no_parser_is_loaded() -> None:
    code = "import sys; from aloop.config import Settings; Settings.from_env(); sys.exit('tomllib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
