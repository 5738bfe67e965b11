"""Runs ``!command`` in the user's shell, and offers its output to the model."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING

from aloop.errors import AloopError, UsageError
from aloop.sanitize import without_escape_codes
from aloop.text import HeadAndTail
from commands.attachments import Attachment
from commands.registry import Outcome

if TYPE_CHECKING:
    from commands.context import Context
    from commands.parse import Run

MOST_CHARACTERS = 50_000
"""Kept for the model from the start of the output, and as many from its end."""


async def run_typed(context: Context, parsed: Run) -> Outcome:
    """Run a command in the working directory and offer its output; raise AloopError."""
    if not context.is_typed:
        raise UsageError("Nothing was run: lines that begin with ! run a command only if they are typed.")
    if not parsed.command:
        context.view.info(
            "!COMMAND runs a shell command. !!COMMAND runs one that needs the terminal, such as an editor."
        )
        return Outcome()
    command = [_shell(), "-c", parsed.command]
    if parsed.on_terminal:
        code = await context.view.hand_over(command, context.agent.working_dir)
        if code:
            context.view.info(_describe_exit(code))
        return Outcome()
    await _capture(context, parsed.command, command)
    return Outcome()


async def _capture(context: Context, typed: str, command: list[str]) -> None:
    # Imported late for startup time.
    from aloop.tools.process import NO_TERMINAL, run_command

    kept, began, ending = HeadAndTail(MOST_CHARACTERS), time.monotonic(), "stopped"
    env = os.environ | dict(NO_TERMINAL)
    try:
        with context.view.printing(typed) as show:

            def on_output(text: str) -> None:
                kept.add(text)
                show(text)

            result = await run_command(command, context.agent.working_dir, env, None, on_output)
        ending = _describe_exit(result.code)
    except asyncio.CancelledError:
        # Cancelling ends the command only: its output so far is offered as usual.
        pass
    except OSError as error:
        raise AloopError(f"The command could not be started: {error.strerror or error}.") from error
    notes = [ending]
    if kept.dropped:
        notes.append(f"cut: {kept.dropped:,} characters in the middle are left out")
    output = Attachment("output", typed, printed_lines(kept.text), ", ".join(notes))
    report = f"{ending} · {time.monotonic() - began:.1f}s"
    if output.text:
        context.pending_output.offer = output
        report += f" · {output.size}{', the middle left out' if kept.dropped else ''}"
        report += " · Enter adds the output to your next message"
    context.view.info(report)


def printed_lines(text: str) -> str:
    """Return ``text`` without colors, and with the last state of overwritten lines."""
    lines = without_escape_codes(text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip("\n")


def _shell() -> str:
    """Return the user's login shell, or /bin/sh."""
    named = os.environ.get("SHELL", "")
    return named if named.startswith("/") and shutil.which(named) else "/bin/sh"


def _describe_exit(code: int) -> str:
    # Imported late for startup time.
    from aloop.tools.process import describe_exit

    return describe_exit(code)
