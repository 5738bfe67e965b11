"""``aloop lsp``: the language server for session files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec

from aloop.cli.arguments import CommandOptions, Parser
from aloop.cli.console import print_note
from aloop.errors import UsageError, install_command

_EPILOG = """\
Editors start this command and talk to it over standard input and output. In
session files, it shows the problems that `aloop sessions check` finds, folds
messages and tool output, shows tokens, costs and times, and offers to skip a
message, to add a note, and to fork the session. docs/editors.md has the setup
for VS Code, Neovim and Helix.

It needs the package pygls: pip install 'aloop[lsp]'"""


@dataclass(frozen=True, slots=True)
class LspOptions(CommandOptions):
    """The options of ``aloop lsp``."""

    stdio: bool = False

    def run(self) -> int:
        """Serve one editor, and return the exit code; raises UsageError without pygls."""
        if not _has_pygls():
            command = install_command("aloop[lsp]", "pygls>=2.1,<3")
            raise UsageError(f"The language server needs the package pygls. Install it with `{command}`.")
        # Imported here: only this command needs it, and pygls is optional.
        from aloop.lsp.server import serve

        if sys.stdin.isatty():
            print_note("Waiting for an editor on standard input. Press Ctrl-C to stop; docs/editors.md has the setup.")
        return serve()


def _has_pygls() -> bool:
    """Return True if pygls 2 or later is installed; version 1 has no such module."""
    try:
        return find_spec("pygls.lsp.server") is not None
    except ModuleNotFoundError:
        return False


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop lsp``."""
    parser.set_defaults(options=LspOptions)
    parser.epilog = _EPILOG
    parser.add_argument("--stdio", action="store_true", help="ignored: the standard streams are always used")
    parser.add_help_option()
