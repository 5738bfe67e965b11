"""The interface between the prompt and its user, the shell."""

from __future__ import annotations

from typing import Protocol

from repl.input.pastes import Entry
from repl.input.queue import WaitingLines


class Owner(WaitingLines, Protocol):
    """The user of a prompt; its methods are called by keys, and must return at once."""

    @property
    def is_busy(self) -> bool:
        """True while a turn runs, so that lines have to wait."""
        ...

    def line_entered(self, entry: Entry, *, steers: bool = False, place: int | None = None) -> None:
        """Handle a line that is not blank; one that ``steers`` is for the running turn.

        If it has to wait, it does so at ``place``, or after all others.
        """
        ...

    def go_back(self) -> None:
        """Let the user choose an earlier message to go back to."""
        ...

    def blank_entered(self) -> None:
        """Handle Enter on a blank line."""
        ...

    def blank_interrupted(self) -> bool:
        """Handle Ctrl-C on an empty line; return False if it has no meaning now."""
        ...

    def expand(self) -> None:
        """Show all of the output of the last tool."""
        ...

    def interrupted(self) -> bool:
        """Stop the running turn; return False if there is none."""
        ...

    def change_mode(self) -> None:
        """Switch to the next permission mode."""
        ...

    def input_ended(self) -> None:
        """Handle Ctrl-D on an empty line, or the end of the input."""
        ...
