"""``!command``: a command of the user's own, in the user's own shell; what it prints is offered to the model."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING

from aloop.errors import AloopError, UsageError
from commands.attachments import Attachment
from commands.registry import Outcome

if TYPE_CHECKING:
    from commands.context import Context
    from commands.parse import Run

MOST_CHARACTERS = 50_000
"""Kept for the model of the beginning of what a command prints, and as many of its end."""

# What it prints goes through a pipe: nothing waits in a pager, and colours would be so many stray characters.
_SETTINGS = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat"}


class CapturedOutput:
    """The text of a command's output, the middle of very much left out."""

    def __init__(self) -> None:
        self._head = ""
        self._tail = ""
        self._dropped = 0

    def add(self, text: str) -> None:
        """Take the next piece."""
        room = MOST_CHARACTERS - len(self._head)
        self._head += text[:room]
        self._tail += text[room:]
        surplus = max(0, len(self._tail) - MOST_CHARACTERS)
        self._dropped += surplus
        self._tail = self._tail[surplus:]

    @property
    def text(self) -> str:
        """What was kept, as lines: of one that was written over, as bars of progress are, the last state."""
        dropped = f"\n[… {self._dropped:,} characters left out …]\n" if self._dropped else ""
        lines = f"{self._head}{dropped}{self._tail}".replace("\r\n", "\n").split("\n")
        return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip("\n")

    @property
    def note(self) -> str:
        """What a reader must know of it."""
        return f"cut: {self._dropped:,} characters in the middle are left out" if self._dropped else ""


async def run(context: Context, wanted: Run) -> Outcome:
    """Run a command in the working directory, and offer what it printed; raises an AloopError when it can not be."""
    if not context.is_typed:
        raise UsageError("Nothing was run: a line with ! in front is a command only where a person types it.")
    if not wanted.command:
        context.view.info(
            "!COMMAND runs a command of your own, !!COMMAND one that needs the terminal, as an editor does."
        )
        return Outcome()
    command = [_shell(), "-c", wanted.command]
    if wanted.on_terminal:
        code = await context.view.hand_over(command, context.agent.working_dir)
        if code:
            context.view.info(_ending(code))
        return Outcome()
    await _listen(context, wanted.command, command)
    return Outcome()


async def _listen(context: Context, typed: str, command: list[str]) -> None:
    # Imported here for start-up time.
    from aloop.tools.process import run_command

    kept, began, ending = CapturedOutput(), time.monotonic(), "stopped"
    env = os.environ | _SETTINGS
    try:
        with context.view.printing(typed) as tell:

            def both(text: str) -> None:
                kept.add(text)
                tell(text)

            ended = await run_command(command, context.agent.working_dir, env, None, both)
        ending = _ending(ended.code)
    except asyncio.CancelledError:
        # The end of the command, and not of what it has said by now: that is offered as any other.
        pass
    except OSError as error:
        raise AloopError(f"The command could not be started: {error.strerror or error}.") from error
    notes = ", ".join(filter(None, (ending, kept.note)))
    output = Attachment("output", typed, kept.text, notes)
    told = f"{ending} · {time.monotonic() - began:.1f}s"
    if output.text:
        context.pending_output.offer = output
        told += f" · {output.size}{', the middle left out' if kept.note else ''}"
        told += " · Enter adds the output to your next message"
    context.view.info(told)


def _shell() -> str:
    """Return the user's own shell, where there is one."""
    named = os.environ.get("SHELL", "")
    return named if named.startswith("/") and shutil.which(named) else "/bin/sh"


def _ending(code: int) -> str:
    """Return how a command ended; the code is negative for a signal."""
    # Imported here for start-up time.
    from aloop.tools.process import describe_exit

    return describe_exit(code)
