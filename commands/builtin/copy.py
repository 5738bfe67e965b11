"""/copy: copy the last answer, or a code block of it, to the clipboard."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from aloop.errors import AloopError, UsageError
from aloop.formatting import quantity
from commands.registry import Argument, Command
from commands.selection import read_number

if TYPE_CHECKING:
    from commands.context import Context

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^\n]*)")


async def copy(context: Context, argument: str) -> None:
    """Copy the last answer, or its code block ``argument``; raise UsageError."""
    answers = (message.content or "" for message in reversed(context.memory.messages) if message.role == "assistant")
    answer = next((text.strip("\n") for text in answers if text.strip()), None)
    if answer is None:
        raise UsageError("There is no answer to copy yet.")
    what, text = "the last answer", answer
    if argument:
        number, blocks = read_number(argument), code_blocks(answer)
        if number > len(blocks):
            raise UsageError(
                f"The last answer has {quantity(len(blocks), 'code block') if blocks else 'no code block'}."
            )
        what, text = f"code block {number}", blocks[number - 1]
    program, reason = await copy_with_program(text), context.view.send_to_clipboard(text)
    lines = quantity(text.count("\n") + 1, "line")
    if program:
        context.view.info(f"Copied {what} ({lines}) with {program}.")
    elif not reason:
        context.view.info(f"Sent {what} ({lines}) to the clipboard of your terminal, if it supports OSC 52.")
    else:
        raise AloopError(f"Cannot copy: {reason}. Install wl-clipboard, xclip or xsel to copy with it.")


def code_blocks(text: str) -> list[str]:
    """Return the contents of the fenced code blocks in Markdown, in order."""
    blocks: list[str] = []
    fence, rows = "", list[str]()
    for row in text.split("\n"):
        found = _FENCE.fullmatch(row)
        if not fence:
            if found and not (found[1][0] == "`" and "`" in found[2]):
                fence, rows = found[1], []
        elif found and found[1].startswith(fence) and not found[2].strip():
            blocks.append(dedent("\n".join(rows)))
            fence = ""
        else:
            rows.append(row)
    return [*blocks, dedent("\n".join(rows))] if fence else blocks


_SECONDS = 5.0

# Each program with its arguments, after the variable that it needs.
_PROGRAMS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("", ("pbcopy",)),
    ("", ("clip.exe",)),
    ("TMUX", ("tmux", "load-buffer", "-w", "-")),
)


def clipboard_program(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the program that writes to the clipboard, empty if there is none."""
    return find_clipboard_program(_PROGRAMS, env)


def find_clipboard_program(programs: Iterable[tuple[str, tuple[str, ...]]], env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the first command that is installed and whose variable, if any, is set."""
    # Imported late for startup time.
    from aloop.sandbox.paths import find_user_program

    for variable, (name, *arguments) in programs:
        if (not variable or env.get(variable)) and (program := find_user_program(name, env)):
            return (program, *arguments)
    return ()


async def copy_with_program(text: str) -> str:
    """Copy ``text`` and return the name of the program, empty if none could."""
    command = clipboard_program(os.environ)
    if not command:
        return ""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            # xclip stays in the background, and would keep a pipe open.
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_SECONDS):
            await process.communicate(text.encode(errors="replace"))
    except TimeoutError:
        process.kill()
        await process.wait()
    return Path(command[0]).name if process.returncode == 0 else ""


COMMAND = Command(
    name="copy",
    summary="Copy the last answer, or its code block N, to the clipboard",
    handler=copy,
    usage="[N]",
    argument=Argument.TEXT,
    group="Shell",
    example="/copy 2",
)
