"""/copy: copy the last answer, or a code block of it, to the clipboard."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
        number, blocks = read_number(argument, "code block"), code_blocks(answer)
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
    if not command or await exchange(command, text.encode(errors="replace")) is None:
        return ""
    return Path(command[0]).name


async def exchange(command: Sequence[str], given: bytes | None = None) -> bytes | None:
    """Give a program its input, or without one return its output; None if it fails.

    If it takes too long, or the caller is cancelled, it is killed with everything that it started.
    """
    # Imported late for startup time.
    from aloop.tools.base import in_thread

    running: list[subprocess.Popen[bytes]] = []

    def work(stop: threading.Event) -> bytes | None:
        with _start(command, takes_input=given is not None) as process:
            running.append(process)
            if stop.is_set():  # before the caller knew of the process
                _kill_group(process)
            try:
                output, _ = process.communicate(given, _SECONDS)
            except subprocess.TimeoutExpired:
                _kill_group(process)
                return None
        return (output or b"") if process.returncode == 0 else None

    try:
        return await in_thread(work)
    except OSError:
        return None
    finally:
        for process in running:
            _kill_group(process)


def _start(command: Sequence[str], *, takes_input: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a program that the user has installed
        command,
        stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
        # A program that gets the text may stay in the background, as xclip does, and would keep a pipe open.
        stdout=subprocess.DEVNULL if takes_input else subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that has not ended, with the others of its group."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the second one for zombies
            os.killpg(process.pid, signal.SIGKILL)


COMMAND = Command(
    name="copy",
    summary="Copy the last answer, or one of its code blocks, to the clipboard",
    handler=copy,
    usage="[BLOCK]",
    argument=Argument.TEXT,
    group="Shell",
    example="/copy 2",
)
