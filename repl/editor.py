"""A text in the user's own editor, as git opens one."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aloop.errors import AloopError
from repl.handover import hand_over


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
