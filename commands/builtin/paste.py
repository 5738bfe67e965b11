"""/paste: send the image in the clipboard with the next message."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.builtin.copy import exchange, find_clipboard_program
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context

_NAME = "clipboard.png"

# Each program with its arguments, after the variable that it needs. All write the image to their output.
_PROGRAMS = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--no-newline", "--type", "image/png")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-target", "image/png", "-out")),
    ("", ("pngpaste", "-")),
)
# For macOS without pngpaste. AppleScript cannot write to its output, so it writes to a file.
_APPLE_SCRIPT = (
    'set target to open for access POSIX file "{path}" with write permission\n'
    "write (the clipboard as «class PNGf») to target\n"
    "close access target"
)


async def paste(context: Context, argument: str) -> Outcome | None:
    """Send the image with ``argument``, or keep it for the next message."""
    # Imported here for startup time.
    from aloop.llm.content.images import prepare_media
    from commands.chat import chat

    data = await read_clipboard(os.environ)
    waiting = context.pending_output.media
    # Only their names distinguish two images for the model.
    name = f"clipboard-{len(waiting) + 1}.png" if waiting else _NAME
    media, note = await asyncio.to_thread(prepare_media, data, name)
    waiting.append(media)
    if note:
        context.view.info(note)
    if argument:
        return await chat(context, argument)
    context.view.info(f"{media.summary} will be sent with your next message.")
    return None


async def read_clipboard(env: Mapping[str, str]) -> bytes:
    """Return the image in the clipboard; raises AloopError if there is none."""
    # Imported late for startup time.
    from aloop.sandbox.paths import find_user_program

    if command := find_clipboard_program(_PROGRAMS, env):
        data = await exchange(command)
    elif program := find_user_program("osascript", env):
        data = await _from_apple_script(program)
    else:
        raise AloopError("Cannot read the clipboard: install wl-clipboard, xclip or pngpaste, or use @FILE.")
    if not data:
        raise AloopError("The clipboard contains no image. To send an image file, write @ and its path.")
    return data


async def _from_apple_script(program: str) -> bytes | None:
    with tempfile.TemporaryDirectory(prefix="aloop-") as folder:
        path = Path(folder, _NAME)
        await exchange((program, "-e", _APPLE_SCRIPT.format(path=path)))
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:  # no image in the clipboard
            return None


COMMAND = Command(
    name="paste",
    summary="Send the image in the clipboard with TEXT, or with your next message",
    handler=paste,
    usage="[TEXT]",
    argument=Argument.TEXT,
    group="Shell",
    example="/paste What does this show?",
)
