from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from aloop.errors import AloopError
from repl.input.editor import command_at, edit_file


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
        ("no-such-editor -x", "There is no editor 'no-such-editor' here. Set VISUAL or EDITOR"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "ended with exit code 3"),
        ("vi 'unclosed", "can not be understood"),
    ],
)
async def test_an_editor_that_fails_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, editor: str, reason: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(AloopError, match=reason):
        await edit_file(tmp_path / "file", 1)
