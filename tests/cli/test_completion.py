"""Completion candidates, and the scripts in those shells that are installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli.completion import words
from aloop.cli.parser import program_parser
from aloop.cli.sessions.command import ACTIONS
from aloop.config.settings import Settings
from aloop.llm.models.names import store_listed
from tests.saved_sessions import FIRST, SECOND, THIRD, save

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has this aloop."""
    program = tmp_path / "aloop"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m aloop "$@"\n')
    program.chmod(0o700)
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def script(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completions", name]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["comp"], ["completions"]),
        (["--resume", ""], [SECOND[:8], FIRST[:8]]),
        (["sessions", "show", "a1b2c"], [FIRST[:8]]),
        (["--task", "'what is'", "--mo"], ["--model"]),
        (["--sessions-dir", ".al"], [".aloop"]),
        (["--sessions-dir", r"a\ folder/i"], ["a folder/in"]),
        (["--sessions-dir", "$(touch ran)"], [""]),
        (["--model", "near/lla"], ["near/llama:8b", "near/llama:70b"]),
        (["--model", "near/llama", ":", "7"], ["70b"]),
        (["import", "co"], ["codex", "conversations.json"]),
        (["import", r"two\ w"], ["two words [*].json"]),
        (["import", "./a"], ["./a folder"]),
        (["export", FIRST[:8], "--output", "conv"], ["conversations.json"]),
        (["--model", "near/llama", ":"], ["8b", "70b"]),
    ],
)
def test_bash_script_offers_matching_words(
    typed: list[str], expected: list[str], environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    save(Path(".aloop/sessions"), FIRST, day=1)
    save(Path(".aloop/sessions"), SECOND, day=2)
    store_listed(Settings.from_env().state_folder, "near", ["near/llama:8b", "near/llama:70b"], {"near"})
    Path("a folder/in").mkdir(parents=True)
    for name in ("conversations.json", "two words [*].json"):
        Path(name).touch()
    code = f"""{script("bash", capsys)}
COMP_WORDS=({shlex.join(["aloop", *typed])})
COMP_CWORD={len(typed)}
_aloop aloop
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run([shell("bash"), "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")
    assert not Path("ran").exists()


def test_fish_script_offers_matching_words(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    save(Path(".aloop/sessions"), FIRST)
    code = script("fish", capsys) + "complete --do-complete 'aloop sessions show a1'\n"
    done = subprocess.run([shell("fish"), "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [FIRST[:8], "2025-01-01"]


def test_zsh_parses_its_script(capsys: pytest.CaptureFixture[str]) -> None:
    code = script("zsh", capsys)
    subprocess.run([shell("zsh"), "-fn"], input=code, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "arguments", [["completions"], ["completions", "tcsh"], ["completions", "bash", "--task", "x"]]
)
def test_completions_with_another_argument_is_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "aloop: " in capsys.readouterr().err


def offered(*typed: str) -> list[str]:
    return [word for word, _ in words(typed)]


def test_options_of_the_parser_are_offered_with_their_help() -> None:
    about = dict(words(["--"]))
    own = [name for action in program_parser().arguments for name in action.option_strings if name.startswith("--")]
    assert list(about) == own
    assert "ID" in about["--resume"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            [],
            [
                "sessions",
                "import",
                "export",
                "notes",
                "doctor",
                "completions",
                "merge-driver",
                "lsp",
                "key",
                "permissions",
                "local",
            ],
        ),
        (["s"], ["sessions"]),
        (["--task", ""], []),
        (["--model", "off"], ["offline"]),
        (["--model", "o"], ["opus", "offline"]),
        (["--model", "claude-sonnet-5-5"], ["claude-sonnet-5-5"]),
        (["--output-format", "j"], ["json"]),
        (["--allow", "write,s"], ["write,shell"]),
        (["sessions", ""], list(ACTIONS)),
        (["--sessions-dir", "x", "sessions", "pu"], ["purge"]),
        (["sessions", "check", "--"], ["--fix", "--json", "--sessions-dir", "--help"]),
        (["doctor", "--j"], ["--json"]),
        (["doctor", ""], []),
        (["local", ""], ["install", "status", "remove"]),
        (["local", "install", "--"], ["--yes", "--help"]),
        (["completions", ""], ["bash", "zsh", "fish"]),
        (["completions", "bash", ""], []),
        (["nonsense", ""], []),
        (["--resume", "--ta"], ["--task"]),
    ],
)
def test_matching_words_are_offered(typed: list[str], expected: list[str]) -> None:
    assert offered(*typed) == expected


def test_models_that_servers_listed_are_offered_while_their_endpoint_is_known() -> None:
    folder = Settings.from_env().state_folder
    store_listed(folder, "", ["claude-sonnet-5-5", "claude-new"], set())
    store_listed(folder, "old", ["old/one"], {"old"})
    store_listed(folder, "gateway", ["gateway/two", "gateway/three"], {"gateway"})
    assert offered("--model", "old/") == []
    assert offered("--model", "gateway/") == ["gateway/two", "gateway/three"]
    assert offered("--model", "claude-new") == ["claude-new"]
    assert offered("--model", "claude-sonnet-5-5") == ["claude-sonnet-5-5"]


def test_unreadable_settings_and_lists_leave_the_known_models(private_home: Path) -> None:
    folder = Settings.from_env().state_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model-lists.json").write_text('{"gateway": 7, "')
    assert offered("--model", "off") == ["offline"]
    (private_home / ".config" / "aloop").mkdir(parents=True)
    (private_home / ".config" / "aloop" / "config.toml").write_text("model = [")
    assert offered("--model", "off") == ["offline"]


def test_sessions_are_offered_newest_first_with_their_dates() -> None:
    folder = Path(".aloop/sessions")
    save(folder, FIRST, day=1)
    save(folder, SECOND, day=3)
    save(folder, THIRD, day=2)
    assert words(["--resume", ""]) == [(SECOND[:8], "2025-01-03"), (THIRD[:8], "2025-01-02"), (FIRST[:8], "2025-01-01")]
    assert offered("sessions", "show", "a1b2c") == [FIRST[:8]]
    assert offered("sessions", "show", FIRST[:8], "") == []


def test_sessions_are_offered_with_their_titles(sessions_dir: Path) -> None:
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    times = 'created_at: "2025-01-31T10:00:00+00:00"\nupdated_at: "2025-01-31T10:00:00+00:00"\n'
    title = f"Fix: the \x1b parser{' and more' * 9}"
    (folder / "session.yaml").write_text(f"id: {FIRST}\n{times}title: '{title}'\n\nmessages: []\n")
    [(word, about)] = words(["--sessions-dir", str(sessions_dir), "--resume", ""])
    assert word == FIRST[:8]
    assert about.startswith("2025-01-31  Fix: the ^[ parser and more")
    assert about.endswith("…")
    assert len(about) == len("2025-01-31  ") + 50


def test_sessions_of_a_named_folder_and_of_the_trash_are_offered(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir / ".trash", SECOND)
    named = ("--sessions-dir", str(sessions_dir), "sessions")
    assert offered(*named, "delete", "") == [FIRST[:8]]
    assert offered(*named, "restore", "") == [SECOND[:8]]


def test_tags_of_sessions_and_messages_are_offered(sessions_dir: Path) -> None:
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_text(
        f"id: {'a' * 8}\ntags:\n  - \"parser\"\n  - bug\nmessages:\n  - role: user\n    tags: [todo, 'bug']\n"
    )
    typed = ["sessions", "list", "--sessions-dir", str(sessions_dir), "--tag"]
    assert [word for word, _ in words([*typed, ""])] == ["bug", "parser", "todo"]
    assert [word for word, _ in words([*typed, "p"])] == ["parser"]


def test_folders_are_offered_in_the_form_of_the_typed_path(private_home: Path) -> None:
    (private_home / "sub").mkdir()
    (private_home / ".hidden").mkdir()
    (private_home / "file").touch()
    assert offered("--sessions-dir", "~/") == ["~/sub/", "~/work/"]
    assert offered("--sessions-dir", "../.h") == ["../.hidden/"]
    assert offered("--sessions-dir", "nowhere/") == []


def slow_imports(*typed: str) -> set[str]:
    script = f"import sys; from aloop.__main__ import main; main(['completions', '--words', *{typed}]);"
    script += " print('', *({'anthropic', 'asyncio', 'yaml', 'jsonschema', 'aloop.llm', 'repl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("typed", [["--resume", ""], ["sessions", "show", ""]])
def test_session_completion_imports_nothing_slow(typed: list[str]) -> None:
    assert not slow_imports(*typed)


def test_model_completion_imports_no_sdk_or_event_loop() -> None:
    assert slow_imports("--model", "off") == {"aloop.llm"}
