"""A text in the user's own editor, as git opens one.

A file in the user's own editor, at a line of it.

Programs that take the terminal over for a while: editors, and whatever else a person talks to directly.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from prompt_toolkit.application import in_terminal

from aloop.errors import AloopError


async def hand_over(command: Sequence[str], folder: Path | None = None) -> int:
    """Give ``command`` the terminal until it ends; return its exit code, negative for a signal.

    Raises AloopError when it can not be started.
    """
    async with in_terminal():
        try:
            program = await asyncio.create_subprocess_exec(*command, cwd=folder)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise AloopError(f"{command[0]} could not be started: {reason}.") from error
        return await program.wait()


def editor_command(env: Mapping[str, str]) -> list[str]:
    """Return the editor with its arguments; raises AloopError for one that is not spelled right."""
    named = next((text for name in ("VISUAL", "EDITOR") if (text := env.get(name, "").strip())), "vi")
    try:
        return shlex.split(named)
    except ValueError as error:
        raise AloopError(f"The editor {named!r} can not be understood: {error}. Set EDITOR to one.") from error


async def edit_text(text: str) -> str:
    """Return what became of ``text`` in the editor, without line feeds at its end; raises AloopError if it failed."""
    command = editor_command(os.environ)
    try:
        # Markdown is what a prompt resembles most; the folder is private, and goes with all that the editor leaves.
        with tempfile.TemporaryDirectory(prefix="aloop-") as folder:
            file = Path(folder) / "prompt.md"
            file.write_text(f"{text}\n", encoding="utf-8", errors="surrogatepass")
            code = await hand_over([*command, str(file)])
            if code:
                raise AloopError(f"{command[0]} ended with exit code {code}: the text is as it was.")
            return file.read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError as error:
        raise AloopError(f"The text could not be edited: {error.strerror or error}.") from error


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
