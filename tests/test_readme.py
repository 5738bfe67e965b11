"""The README says what the code does: its generated parts are current, its examples run, its paths exist."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import pytest

from aloop.cli.parser import Options, parse_arguments
from aloop.config import read_config_file
from aloop.memory import SessionLibrary
from docs.update_readme import README, updated

TEXT = README.read_text(encoding="utf-8")
ROOT = README.parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def test_the_generated_parts_are_current() -> None:
    assert updated(TEXT) == TEXT, "run: python -m docs.update_readme"


@pytest.mark.parametrize("example", blocks("python"))
def test_a_library_example_runs(example: str, private_home: Path) -> None:
    script = private_home / "example.py"
    script.write_text(example)
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        env={"PYTHONPATH": str(ROOT), "HOME": str(private_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "42" in done.stdout


async def test_the_session_example_is_a_session(sessions_dir: Path) -> None:
    (example,) = blocks("yaml")
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_text(example)
    session = await SessionLibrary(sessions_dir).load("a1b2c3d4")
    assert session.title == "What is 2+2?"
    assert [message.role for message in session.messages] == ["user", "assistant", "tool", "assistant"]
    assert session.warnings == ()


def test_the_example_of_settings_is_one_that_aloop_takes(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (tmp_path / "config.toml").write_text(example)
    assert None not in astuple(read_config_file(tmp_path / "config.toml"))


@pytest.mark.parametrize(
    "line", re.findall(r"^(?:.* \| )?aloop (.*?)(?: \| .*)?$", "".join(blocks("sh")), re.MULTILINE)
)
def test_a_command_line_is_one_that_aloop_takes(line: str) -> None:
    arguments = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]
    assert isinstance(parse_arguments(arguments), Options)


def test_the_two_set_up_commands_stand_on_a_line_each_for_the_gate() -> None:
    commands = [line for line in TEXT.splitlines() if line.startswith("python3 -m venv ")]
    assert [command.split()[-1] for command in commands] == [".venv/bin/aloop", "pytest"]


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_a_file_that_is_linked_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
