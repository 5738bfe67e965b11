"""Tests of the user's editor, as a child process."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from aloop.errors import AloopError
from repl.input.editor import command_at, edit_file, edit_text, editor_command


def program(folder: Path, code: str) -> str:
    """Return the command of an editor that runs ``code`` with its file as ``path``."""
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
def test_editor_command_prefers_visual_to_editor_to_vi(env: dict[str, str], command: list[str]) -> None:
    assert editor_command(env) == command


async def test_edited_text_is_returned_and_its_file_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "path.write_text(f'{path.read_text().upper()}{path.parent.stat().st_mode & 0o77}\\n\\n')"
    monkeypatch.setenv("EDITOR", program(tmp_path, code))
    assert await edit_text("one\ntwö") == "ONE\nTWÖ\n0"


@pytest.mark.parametrize(
    ("editor", "reason"),
    [
        ("/nowhere/editor", "Cannot find the editor '/nowhere/editor'"),
        ("false", "false exited with code 1. The text is unchanged"),
        ("'open", "Cannot parse the editor command"),
    ],
)
async def test_failing_editor_raises_an_error_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, editor: str, reason: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    with pytest.raises(AloopError, match=reason):
        await edit_text("text")


async def test_file_removed_by_the_editor_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_line_number_is_passed_in_the_syntax_of_the_editor(editor: str, command: str) -> None:
    assert command_at(editor.split(), Path("/s.yaml"), 7) == command.split()


async def test_file_is_edited_with_the_editor_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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
async def test_failing_editor_of_a_file_raises_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, editor: str, reason: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(AloopError, match=reason):
        await edit_file(tmp_path / "file", 1)
