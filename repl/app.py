"""Entry point of the shell: the prompt, or plain lines."""

from __future__ import annotations

import gc
import sys

from aloop.interrupts import restore_interrupts
from aloop.terminal import is_dumb, is_terminal
from repl.options import ShellOptions

__all__ = ["ShellOptions", "run_shell"]


def run_shell(options: ShellOptions) -> int:
    """Run a shell, and return its exit code.

    That is 0, 1 if the shell cannot start or the last save fails, or 128 + the number of a signal. The caller may have
    disabled garbage collection, which is enabled as soon as everything is imported.
    """
    # Each branch imports only what it needs: prompt_toolkit takes a quarter of a second, the agent more.
    if options.plain or options.settings.plain or is_dumb() or not is_terminal():
        from repl.plain.line_shell import run_lines

        # Imported modules are never garbage: no collection needs to scan them again.
        gc.freeze()
        gc.enable()
        return run_lines(options)

    from repl.startup.first_paint import early_screen

    with early_screen(options) as early:
        import asyncio

        from repl.output.renderer import TerminalOutput
        from repl.output.screen import Screen
        from repl.shell import Shell

        restore_interrupts()
        return asyncio.run(Shell(options, Screen(TerminalOutput.of(sys.stdout)), early=early).run())
