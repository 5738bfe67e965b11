"""Programs that get the terminal: the user's editor, and commands run with ``!!``."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from prompt_toolkit.application import in_terminal

from aloop.errors import AloopError
from aloop.sandbox.paths import find_user_program


async def hand_over(command: Sequence[str], folder: Path | None = None) -> int:
    """Run ``command`` with the terminal; return its exit code, negative for a signal.

    Raises AloopError if it cannot be started.
    """
    async with in_terminal():
        try:
            program = await asyncio.create_subprocess_exec(*command, cwd=folder)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise AloopError(f"Cannot start {command[0]}: {reason}.") from error
        return await program.wait()


def editor_command(env: Mapping[str, str]) -> list[str]:
    """Return the editor and its arguments; raises AloopError if they cannot be parsed."""
    named = next((text for name in ("VISUAL", "EDITOR") if (text := env.get(name, "").strip())), "vi")
    try:
        return shlex.split(named)
    except ValueError as error:
        raise AloopError(f"Cannot parse the editor command {named!r}: {error}. Check VISUAL and EDITOR.") from error


def _found(editor: Sequence[str]) -> list[str]:
    """Return the command with the path of its program; raises AloopError without one."""
    program = find_user_program(editor[0])
    if program is None:
        raise AloopError(f"Cannot find the editor {editor[0]!r}. Set VISUAL or EDITOR to an installed editor.")
    return [program, *editor[1:]]


async def edit_text(text: str) -> str:
    """Return ``text`` as edited, without trailing line feeds; raises AloopError."""
    command = editor_command(os.environ)
    try:
        # Editors highlight Markdown, which prompts resemble. The folder is private, and is removed with backup files.
        with tempfile.TemporaryDirectory(prefix="aloop-") as folder:
            file = Path(folder) / "prompt.md"
            file.write_text(f"{text}\n", encoding="utf-8", errors="surrogatepass")
            code = await hand_over([*_found(command), str(file)])
            if code:
                raise AloopError(f"{command[0]} exited with code {code}. The text is unchanged.")
            return file.read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError as error:
        raise AloopError(f"Cannot edit the text: {error.strerror or error}.") from error


# How editors take a line number: +LINE FILE, FILE:LINE, or --goto FILE:LINE.
_PLUS = {"vi", "vim", "nvim", "nvi", "gvim", "nano", "pico", "emacs", "emacsclient", "micro", "kak", "joe", "mg", "ne"}
_COLON = {"hx", "helix", "subl", "zed", "zeditor"}
_GOTO = {"code", "code-insiders", "codium", "cursor"}
# These return at once without --wait.
_DETACHING = _GOTO | {"subl", "zed", "zeditor"}
_WAIT = {"--wait", "-w"}


def command_at(editor: Sequence[str], path: Path, line: int) -> list[str]:
    """Return the command that opens ``path``, at ``line`` if the editor is known."""
    name = Path(editor[0]).name.partition(".")[0]
    command = list(editor)
    if name in _DETACHING and not _WAIT.intersection(command):
        command.append("--wait")
    if name in _PLUS:
        return [*command, f"+{line}", str(path)]
    if name in _GOTO:
        return [*command, "--goto", f"{path}:{line}"]
    return [*command, f"{path}:{line}" if name in _COLON else str(path)]


async def edit_file(path: Path, line: int) -> None:
    """Open ``path`` in the editor; raises AloopError if it is missing or fails."""
    editor = editor_command(os.environ)
    code = await hand_over(command_at(_found(editor), path, line))
    if code:
        raise AloopError(f"{editor[0]} exited with code {code}.")
