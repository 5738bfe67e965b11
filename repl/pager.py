"""Long text, one screen at a time: through $PAGER, else less."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil

from prompt_toolkit.application import in_terminal


def pager_command() -> list[str]:
    """Return the command of the pager, empty when there is none."""
    chosen = shlex.split(os.environ.get("PAGER", "")) or ["less", "-R"]
    return chosen if shutil.which(chosen[0]) else []


async def page(text: str) -> bool:
    """Show ``text``, which must be safe, in the pager until it is closed; False when there is no pager to start."""
    command = pager_command()
    if not command:
        return False
    async with in_terminal():
        try:
            pager = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                # less shows escape codes as text unless told that colours are meant.
                env={"LESS": "-R", **os.environ},
            )
        except OSError:
            return False
        await pager.communicate(text.encode())
    return True
