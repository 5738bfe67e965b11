"""Entry point of the shell: the prompt, or plain lines."""

from __future__ import annotations

import gc
import sys

from aloop.interrupts import restore_interrupts
from aloop.terminal import is_dumb, is_terminal
from repl.options import ShellOptions

TYPE_CHECKING = False  # as in typing, whose import is not needed otherwise
if TYPE_CHECKING:
    from aloop.memory.projects import Place

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
        screen = Screen(TerminalOutput.of(sys.stdout), options.settings.background)
        shell = Shell(options, screen, early=early)
        code = asyncio.run(shell.run())
        while not code and (place := shell.moves_to):
            options = _in_project(options, place)
            sys.stdout.write("\n")
            shell = Shell(options, screen)
            code = asyncio.run(shell.run())
        return code


def _in_project(options: ShellOptions, place: Place) -> ShellOptions:
    """Change to the project of a session, and return the options to resume it.

    Permissions and the system message of the command line do not apply there. Raises StorageError.
    """
    # Imported here for startup time, as above.
    from commands.elsewhere import enter_project

    enter_project(place)
    return options._replace(
        sessions_dir=place.sessions_dir, resume=place.session_id, allow=(), system=None, question=""
    )
