"""A file in the user's own editor, at a line of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from aloop.errors import AloopError
from repl.editor import editor_command
from repl.handover import hand_over

# How editors are told a line: before the file, behind its name, or as an option's value.
_PLUS = {"vi", "vim", "nvim", "nvi", "gvim", "nano", "pico", "emacs", "emacsclient", "micro", "kak", "joe", "mg", "ne"}
_COLON = {"hx", "helix", "subl", "zed", "zeditor"}
_GOTO = {"code", "code-insiders", "codium", "cursor"}
# These return at once unless they are asked to wait.
_HASTY = _GOTO | {"subl", "zed", "zeditor"}
_WAIT = {"--wait", "-w"}


def command_at(editor: Sequence[str], path: Path, line: int) -> list[str]:
    """Return the command that opens ``path`` at ``line``; an editor that is not known opens it at its beginning."""
    name = Path(editor[0]).name.partition(".")[0]
    command = list(editor)
    if name in _HASTY and not _WAIT.intersection(command):
        command.append("--wait")
    if name in _PLUS:
        return [*command, f"+{line}", str(path)]
    if name in _GOTO:
        return [*command, "--goto", f"{path}:{line}"]
    return [*command, f"{path}:{line}" if name in _COLON else str(path)]


async def edit_file(path: Path, line: int) -> None:
    """Have ``path`` edited on the terminal; raises AloopError when the editor is not there, or says that it failed."""
    editor = editor_command(os.environ)
    if shutil.which(editor[0]) is None:
        raise AloopError(f"There is no editor {editor[0]!r} here. Set VISUAL or EDITOR to one that there is.")
    code = await hand_over(command_at(editor, path, line))
    if code:
        raise AloopError(f"{editor[0]} ended with exit code {code}.")
