"""``aloop key``: show the source of the API key, store it or delete it.

The key itself is never printed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from aloop.cli.arguments import CommandOptions, Parser
from aloop.cli.console import agree, line_ended, print_line, print_note
from aloop.errors import UsageError
from aloop.stored_key import delete_key, key_source, require_keyring, store_key

KeyAction = Literal["show", "set", "delete"]

ACTIONS: dict[KeyAction, str] = {
    "show": "Show where the API key comes from",
    "set": "Ask for an API key, and store it in the system keyring",
    "delete": "Delete the API key from the system keyring",
}

_EPILOG = """\
The system keyring, such as that of GNOME, KDE or macOS, needs the package
keyring: pip install 'aloop[keyring]'. ANTHROPIC_API_KEY takes
precedence over a stored key."""


@dataclass(frozen=True, slots=True)
class KeyOptions(CommandOptions):
    """The options of ``aloop key``."""

    action: KeyAction

    def run(self) -> int:
        """Carry out the action and return the exit code."""
        if self.action == "show":
            print_line(key_source())
            return 0
        if self.action == "set":
            return _set()
        deleted = delete_key()
        print_line("Deleted the API key from the system keyring." if deleted else "No API key is stored.")
        return 0


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop key``."""
    parser.set_defaults(options=KeyOptions)
    parser.usage = "aloop key COMMAND"
    parser.epilog = _EPILOG
    for action in parser.add_commands("action", {str(name): text for name, text in ACTIONS.items()}).values():
        action.add_help_option()
    parser.add_help_option()


def _set() -> int:
    require_keyring()
    key = read_key("API key (not shown): ")
    if not key:
        print_note("Nothing was stored.")
        return 1
    return 0 if offer_to_store(key) else 1


def read_key(prompt: str) -> str:
    """Return a key typed without echo, or from a pipe; empty at the end of the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    # Imported here for startup time.
    from getpass import getpass

    try:
        with line_ended():
            return getpass(prompt).strip()
    except EOFError:
        sys.stderr.write("\n")
        return ""


def require_key(key: str) -> None:
    """Raise UsageError for a text that cannot be an API key."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("An API key contains only ASCII letters, digits and punctuation. Copy it again.")


def offer_to_store(key: str) -> bool:
    """Store ``key`` if the user agrees or has piped it in; True if it was stored.

    Raises KeyringFailed, and UsageError as ``require_key``.
    """
    require_key(key)
    if sys.stdin.isatty() and not agree("Store it in the system keyring?", is_default=True):
        print_note("Nothing was stored.")
        return False
    print_note(f"Stored the API key in {store_key(key)}.")
    return True
