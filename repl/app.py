"""Read, dispatch, render: the shell on a terminal, or plain lines where there is none."""

from __future__ import annotations

import gc
import sys

from aloop.terminal import is_dumb, is_terminal
from repl.options import ShellOptions

__all__ = ["ShellOptions", "run_shell"]


def run_shell(options: ShellOptions) -> int:
    """Run a shell until it is left and return the exit code: 0, 1 when it could not begin, 128 + a signal's number."""
    # Each way to read loads only what it needs: prompt_toolkit is a quarter of a second, the agent more.
    if options.plain or options.settings.plain or is_dumb() or not is_terminal():
        from repl.plain.line_shell import run_lines

        return run_lines(options)

    # All that is imported until the engine is there stays for good: collecting garbage meanwhile finds none, and takes
    # a tenth of the time to the prompt. The engine turns it on again.
    gc.disable()
    from repl.startup.first_paint import early_screen

    with early_screen(options) as early:
        import asyncio

        from repl.output.renderer import TerminalOutput
        from repl.output.screen import Screen
        from repl.shell import Shell

        return asyncio.run(Shell(options, Screen(TerminalOutput.of(sys.stdout)), early=early).run())
