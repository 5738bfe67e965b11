"""What a shell offers at Tab comes from the parsers, and from the names of the sessions' folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aloop.cli.completion import words
from aloop.cli.parser import ACTIONS, program_parser
from tests.saved_sessions import FIRST, SECOND, THIRD, save

ROOT = Path(__file__).parents[1]


def offered(*typed: str) -> list[str]:
    return [word for word, _ in words(typed)]


def test_options_are_those_of_the_parser_with_what_their_help_says() -> None:
    told = dict(words(["--"]))
    own = [name for action in program_parser().arguments for name in action.option_strings if name.startswith("--")]
    assert list(told) == own
    assert "id" in told["--resume"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ([], ["sessions", "doctor", "completions", "local"]),
        (["s"], ["sessions"]),
        (["--task", ""], []),
        (["--model", "off"], ["offline"]),
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
def test_what_fits_is_offered(typed: list[str], expected: list[str]) -> None:
    assert offered(*typed) == expected


def test_sessions_are_offered_newest_first_with_their_day() -> None:
    folder = Path(".aloop/sessions")
    save(folder, FIRST, day=1)
    save(folder, SECOND, day=3)
    save(folder, THIRD, day=2)
    assert words(["--resume", ""]) == [(SECOND[:8], "2025-01-03"), (THIRD[:8], "2025-01-02"), (FIRST[:8], "2025-01-01")]
    assert offered("sessions", "show", "a1b2c") == [FIRST[:8]]
    assert offered("sessions", "show", FIRST[:8], "") == []


def test_sessions_of_a_named_folder_and_of_the_trash_are_offered(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir / ".trash", SECOND)
    named = ("--sessions-dir", str(sessions_dir), "sessions")
    assert offered(*named, "delete", "") == [FIRST[:8]]
    assert offered(*named, "restore", "") == [SECOND[:8]]


def test_folders_are_offered_as_they_were_begun(private_home: Path) -> None:
    (private_home / "sub").mkdir()
    (private_home / ".hidden").mkdir()
    (private_home / "file").touch()
    assert offered("--sessions-dir", "~/") == ["~/sub/", "~/work/"]
    assert offered("--sessions-dir", "../.h") == ["../.hidden/"]
    assert offered("--sessions-dir", "nowhere/") == []


def test_nothing_slow_is_loaded_for_a_tab() -> None:
    script = "import sys; from aloop.__main__ import main; main(['completions', '--words', '--resume', '']);"
    script += " print(*({'asyncio', 'yaml', 'jsonschema', 'aloop.llm', 'repl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
