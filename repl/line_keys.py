"""Keys that readline has no function for: Tab, which completes as ours do, Ctrl-X Ctrl-E for the editor, and Alt-Enter.

All that Python can be called for by readline is completion. So the first two are macros: of a key that completes, which
is where we are called, and of keys for what readline has to do before or afterwards. Nobody types those by chance.
"""

from __future__ import annotations

import readline
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from repl.line_source import Complete

_OFFER, _REDRAW = r"\C-x\e\C-t", r"\C-x\e\C-r"
_END, _TAKE = r"\C-x\e\C-e", r"\C-x\e\C-y"
_NOTHING = "set-mark"  # which nobody sees
_INSERTING = "*"
"""How readline calls the completion that ``_TAKE`` asks for."""


class LineKeys:
    """Listens while ``listening``; GNU's readline only, whose variables and functions these are."""

    def __init__(self, editing_mode: Literal["emacs", "vi"]) -> None:
        self.complete: Complete | None = None
        self._taken: str | None = None
        self._is_listening = False
        readline.set_completer_delims("")  # what is completed is the line
        readline.set_completer(self._called)
        for binding in (
            "set disable-completion off",
            f'"{_OFFER}": complete',
            f'"{_REDRAW}": {_NOTHING}',
            f'"{_END}": end-of-line',
            f'"{_TAKE}": insert-completions',
            rf'"\t": "{_OFFER}{_REDRAW}"',
        ):
            readline.parse_and_bind(binding)
        if editing_mode == "emacs":  # where Escape is nothing by itself, which would have to wait for the Enter
            # What is typed before readline listens comes with Enter as a line feed.
            for enter in (r"\C-m", r"\C-j"):
                readline.parse_and_bind(rf'"\e{enter}": "\C-v\C-j"')

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have both keys do something while the body asks for a line; for an answer to a question they do nothing."""
        self._is_listening = True
        readline.parse_and_bind(rf'"\C-x\C-e": "{_END}{_TAKE}\C-m"')
        try:
            yield
        finally:
            self._is_listening = False
            # Without the Enter, which would give the answer.
            readline.parse_and_bind(rf'"\C-x\C-e": {_NOTHING}')

    def taken(self) -> str | None:
        """Return the line that is to be edited elsewhere, once; None when it was ended by Enter."""
        taken, self._taken = self._taken, None
        return taken

    def _called(self, before: str, number: int) -> str | None:
        """Called by readline for each completion of the line; Python drops what is raised here."""
        if number or not self._is_listening:
            return None
        if chr(readline.get_completion_type()) == _INSERTING:
            self._taken = before
            return before  # else it rings the bell
        if self.complete is None:
            return None
        width = shutil.get_terminal_size().columns - 1
        whole, rows = self.complete(before, width)
        # Only below the rows: whatever else completion does, readline has written by itself.
        readline.parse_and_bind(f'"{_REDRAW}": {"redraw-current-line" if rows else _NOTHING}')
        if rows:
            sys.stdout.write("".join(f"\n{row}" for row in rows) + "\n")
            sys.stdout.flush()
        return whole if rows or whole != before else None
