"""The API key in the system keyring, with a fake keyring."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli import onboarding
from aloop.config.settings import Settings
from aloop.errors import KeyringFailed
from aloop.llm.providers import create_llm, load_anthropic
from aloop.local_model.models import default_model
from aloop.stored_key import delete_key, key_source, store_key, stored_key
from tests.fake_keyring import KEY, Keyring, install

ROOT = Path(__file__).parents[1]


@pytest.fixture
def keyring(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    return install(monkeypatch)


@pytest.fixture
def no_keyring(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


def pipe_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_stored_key_makes_claude_the_default_and_is_read_with_its_client(keyring: Keyring) -> None:
    assert store_key(KEY) == "a fake keyring"
    assert default_model(Settings.from_env()).startswith("claude")
    assert create_llm().provider == "anthropic"
    llm = load_anthropic("claude-x", Settings.from_env())
    assert (llm._api_key, llm._profile.key_name) == (KEY, "the API key in the system keyring")


def test_variable_takes_precedence_over_the_keyring(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    store_key(KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
    assert load_anthropic("claude-x", Settings.from_env())._api_key is None
    assert key_source() == "The API key comes from ANTHROPIC_API_KEY. The one in the system keyring is not used."


def test_deleted_key_is_gone(keyring: Keyring) -> None:
    store_key(KEY)
    assert delete_key()
    assert keyring.kept == {}
    assert stored_key() is None
    assert not delete_key()
    assert not Settings.from_env().has_credentials


def test_locked_keyring_is_reported_without_the_key(keyring: Keyring) -> None:
    store_key(KEY)
    keyring.fails = True
    with pytest.raises(KeyringFailed, match="cannot be used") as failed:
        stored_key()
    assert KEY not in str(failed.value)
    assert failed.value.__cause__ is None


@pytest.mark.usefixtures("no_keyring")
def test_missing_package_is_reported_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe_in(monkeypatch, KEY)
    assert main(["key", "set"]) == 1
    assert "pip install 'aloop[keyring]'" in capsys.readouterr().err


def test_system_without_a_keyring_is_reported(keyring: Keyring) -> None:
    keyring.priority = 0
    with pytest.raises(KeyringFailed, match="has no keyring"):
        store_key(KEY)


def test_key_command_stores_shows_and_deletes_and_never_prints_the_key(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe_in(monkeypatch, f"{KEY}\n")
    assert main(["key", "set"]) == 0
    assert list(keyring.kept.values()) == [KEY]
    assert main(["key", "show"]) == 0
    assert main(["key", "delete"]) == 0
    assert keyring.kept == {}
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "The API key comes from the system keyring. `aloop key delete` deletes it.",
        "Deleted the API key from the system keyring.",
    ]
    assert shown.err == "Stored the API key in a fake keyring.\n"


@pytest.mark.parametrize(("answer", "is_stored"), [("y", True), ("n", False)])
def test_first_start_stores_the_key_only_after_a_yes(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch, answer: str, is_stored: bool
) -> None:
    terminal = io.StringIO(f"1\n{answer}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("getpass.getpass", lambda _: KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    settings = onboarding.choose(Settings.from_env())
    assert settings is not None
    assert settings.has_credentials
    assert bool(keyring.kept) == is_stored


def test_start_does_not_open_the_keyring(keyring: Keyring) -> None:
    store_key(KEY)
    code = "import sys; from aloop.llm import create_llm; create_llm(); print('keyring' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "False\n"
