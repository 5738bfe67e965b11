"""Long text, one screen at a time: through $PAGER, else less."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from collections.abc import AsyncIterable
from contextlib import suppress

from prompt_toolkit.application import in_terminal


def pager_command() -> list[str]:
    """Return the command of the pager, empty when there is none."""
    chosen = shlex.split(os.environ.get("PAGER", "")) or ["less", "-R"]
    return chosen if shutil.which(chosen[0]) else []


async def page(pieces: str | AsyncIterable[str]) -> bool:
    """Show a text, which must be safe, in the pager until it is closed; False when there is no pager to start.

    Of pieces the first are shown while the others are still made. No more of them are asked for once it is closed.
    """
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
        assert pager.stdin is not None  # noqa: S101 - it was asked for
        feeding = asyncio.create_task(_feed(pager.stdin, pieces))
        try:
            await pager.wait()
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
        if not feeding.cancelled():
            feeding.result()
    return True


async def _feed(stream: asyncio.StreamWriter, pieces: str | AsyncIterable[str]) -> None:
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever reads has seen enough
            if isinstance(pieces, str):
                stream.write(pieces.encode())
            else:
                async for piece in pieces:
                    stream.write(piece.encode())
                    await stream.drain()
            await stream.drain()
    finally:
        stream.close()
