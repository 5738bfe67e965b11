"""The scripts are tried in the shells that they are for; bash is nearly everywhere, the others where they are."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aloop.__main__ import main
from tests.saved_sessions import FIRST, SECOND, save

ROOT = Path(__file__).parents[1]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``aloop`` is this one."""
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
    ],
)
def test_bash_is_offered_what_fits(
    typed: list[str], expected: list[str], environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    save(Path(".aloop/sessions"), FIRST, day=1)
    save(Path(".aloop/sessions"), SECOND, day=2)
    Path("a folder/in").mkdir(parents=True)
    code = f"""{script("bash", capsys)}
COMP_WORDS=({shlex.join(["aloop", *typed])})
COMP_CWORD={len(typed)}
_aloop aloop
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run([shell("bash"), "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")
    assert not Path("ran").exists()


def test_fish_is_offered_what_fits(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    save(Path(".aloop/sessions"), FIRST)
    code = script("fish", capsys) + "complete --do-complete 'aloop sessions show a1'\n"
    done = subprocess.run([shell("fish"), "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [FIRST[:8], "2025-01-01"]


def test_zsh_takes_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    code = script("zsh", capsys)
    subprocess.run([shell("zsh"), "-fn"], input=code, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "arguments", [["completions"], ["completions", "tcsh"], ["completions", "bash", "--task", "x"]]
)
def test_a_shell_must_be_one_of_three(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "aloop: " in capsys.readouterr().err
