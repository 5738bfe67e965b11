"""Programs that take the terminal over for a while: editors, and whatever else a person talks to directly."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
