""""""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from aloop.errors import AloopError
from repl.input.editor import command_at, edit_file, edit_text, editor_command


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
        ("/nowhere/editor", "Cannot start /nowhere/editor: No such file"),
        ("false", "false exited with code 1. The text is unchanged"),
        ("'open", "Cannot parse the editor command"),
    ],
)
async def test_an_editor_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, editor: str, complaint: str) -> None:
    monkeypatch.setenv("VISUAL", editor)
    with pytest.raises(AloopError, match=complaint):
        await edit_text("text")


async def test_a_file_that_the_editor_has_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", program(tmp_path, "path.unlink()"))
    with pytest.raises(AloopError, match="Cannot edit the text"):
        await edit_text("text")


@pytest.mark.parametrize(
    ("editor", "command"),
    [
        ("vi", "vi +7 /s.yaml"),
        ("/usr/bin/vim.basic -u NONE", "/usr/bin/vim.basic -u NONE +7 /s.yaml"),
        ("nvim", "nvim +7 /s.yaml"),
        ("nano", "nano +7 /s.yaml"),
        ("emacsclient -t", "emacsclient -t +7 /s.yaml"),
        ("code --wait", "code --wait --goto /s.yaml:7"),
        ("code", "code --wait --goto /s.yaml:7"),
        ("hx", "hx /s.yaml:7"),
        ("subl -w", "subl -w /s.yaml:7"),
        ("ed", "ed /s.yaml"),
        ("my-editor --fast", "my-editor --fast /s.yaml"),
    ],
)
def test_an_editor_is_told_the_line_in_its_own_way(editor: str, command: str) -> None:
    assert command_at(editor.split(), Path("/s.yaml"), 7) == command.split()


async def test_the_editor_of_the_environment_edits_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('edited')"
    monkeypatch.setenv("EDITOR", "no-such-editor")
    monkeypatch.setenv("VISUAL", f"{sys.executable} -c {shlex.quote(code)}")
    file = tmp_path / "a file.yaml"
    await edit_file(file, 1)
    assert file.read_text() == "edited"


@pytest.mark.parametrize(
    ("editor", "reason"),
    [
        ("no-such-editor -x", "Cannot find the editor 'no-such-editor'. Set VISUAL or EDITOR"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "exited with code 3"),
        ("vi 'unclosed", "Cannot parse the editor command"),
    ],
)
async def test_an_editor_that_fails_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, editor: str, reason: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(AloopError, match=reason):
        await edit_file(tmp_path / "file", 1)
