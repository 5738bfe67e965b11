from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aloop.errors import AloopError
from repl.input.editor import edit_text, editor_command


def program(folder: Path, code: str) -> str:
    """Write an editor that does ``code`` with the ``path`` it is given, and return its command."""
    script = folder / "my editor.py"
    script.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[-1])\n{code}\n")
    return f'{sys.executable} "{script}" --wait'


@pytest.mark.parametrize(
    ("env", "command"),
    [
        ({"VISUAL": "code --wait", "EDITOR": "ed"}, ["code", "--wait"]),
        ({"VISUAL": " ", "EDITOR": "'/my bin/ed' -x"}, ["/my bin/ed", "-x"]),
        ({}, ["vi"]),
    ],
)
def test_the_editor_is_found_as_git_finds_it(env: dict[str, str], command: list[str]) -> None:
    assert editor_command(env) == command


async def test_the_text_goes_through_the_editor_and_nobody_else_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "path.write_text(f'{path.read_text().upper()}{path.parent.stat().st_mode & 0o77}\\n\\n')"
    monkeypatch.setenv("EDITOR", program(tmp_path, code))
    assert await edit_text("one\ntwö") == "ONE\nTWÖ\n0"


@pytest.mark.parametrize(
    ("editor", "complaint"),
    [
        ("/nowhere/editor", "/nowhere/editor could not be started: No such file"),
        ("false", "false ended with exit code 1: the text is as it was"),
        ("'open", "can not be understood"),
    ],
)
async def test_an_editor_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, editor: str, complaint: str) -> None:
    monkeypatch.setenv("VISUAL", editor)
    with pytest.raises(AloopError, match=complaint):
        await edit_text("text")


async def test_a_file_that_the_editor_has_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", program(tmp_path, "path.unlink()"))
    with pytest.raises(AloopError, match="could not be edited"):
        await edit_text("text")
