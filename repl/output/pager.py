"""Show long text in a pager: $PAGER, or less."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncIterable
from contextlib import suppress

from prompt_toolkit.application import in_terminal

from aloop.sandbox.paths import find_user_program


def pager_command() -> list[str]:
    """Return the command of the pager; empty if it is not installed."""
    name, *arguments = shlex.split(os.environ.get("PAGER", "")) or ["less", "-R"]
    program = find_user_program(name)
    return [program, *arguments] if program else []


_LESS_PROMPT = "?e(end) .q closes, Space shows more, / searches"


def _less_options(own: str | None) -> str:
    """Return the options of less, with a prompt that names its keys.

    A prompt of the user is kept. Without -R, less shows escape codes as text.
    """
    options = "-R" if own is None else own
    return options if "P" in options or "--prompt" in options else f"{options} -Ps{_LESS_PROMPT}$".lstrip()


async def run_pager(pieces: AsyncIterable[str]) -> bool:
    """Show safe text in the pager until the user closes it.

    Return False if no pager could be started. Pieces are shown as they arrive; none is requested after the pager has
    been closed.
    """
    command = pager_command()
    if not command:
        return False
    async with in_terminal():
        try:
            pager = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                env={**os.environ, "LESS": _less_options(os.environ.get("LESS"))},
            )
        except OSError:
            return False
        assert pager.stdin is not None  # noqa: S101 - created with PIPE
        feeding = asyncio.create_task(_feed(pager.stdin, pieces))
        try:
            await pager.wait()
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
        if not feeding.cancelled():
            feeding.result()
    return True


async def _feed(stream: asyncio.StreamWriter, pieces: AsyncIterable[str]) -> None:
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # the user closed the pager early
            async for piece in pieces:
                stream.write(piece.encode())
                await stream.drain()
    finally:
        stream.close()
