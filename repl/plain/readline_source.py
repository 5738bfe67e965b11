"""Lines edited by readline, with history and completion.

Not imported elsewhere at start-up: loading readline changes how ``input`` behaves, and some Pythons lack it.
"""

from __future__ import annotations

import readline
import shutil
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

from aloop.sanitize import safe_text
from repl.input.history import HistoryFile
from repl.plain.line_source import Complete, TerminalLines
from repl.plain.tty import SignalGuard, Suspended

# Tab is a macro of these two sequences, which no key sends: readline calls Python only to complete, and after our rows
# have been printed it must draw the line again.
_COMPLETE, _REDRAW = r"\C-x\e\C-t", r"\C-x\e\C-r"
_DO_NOTHING = "set-mark"


class ReadlineLines(TerminalLines):
    """Lines edited by readline; with libedit, without completion and Alt-Enter."""

    def __init__(self, history: Path, editing_mode: Literal["emacs", "vi"] = "emacs") -> None:
        super().__init__()
        self._history = HistoryFile(history)
        self._complete: Complete | None = None
        self._completes = False
        readline.set_auto_history(False)  # answers to questions stay out of it
        if "libedit" in (readline.__doc__ or ""):
            readline.parse_and_bind(f"bind -{editing_mode[0]}")
        else:
            self._bind_keys(editing_mode)
        with suppress(OSError):
            for entry in self._history.read():
                readline.add_history(entry)

    def remember(self, line: str) -> None:
        if line.strip():
            readline.add_history(line)
            with suppress(OSError):  # the history of this run still has it
                self._history.append(line)

    def prefill(self, text: str) -> bool:
        # readline would obey or hide control characters.
        if self._prefill or safe_text(text) != text:
            return False
        self._prefill = text
        return True

    def complete_with(self, complete: Complete) -> None:
        self._complete = complete

    def _remember_draft(self, above: str) -> None:
        self.remember(above + readline.get_line_buffer())

    def _read(self, prompt: str, prefill: str = "", *, in_turn: bool = False) -> str | None:
        guard = SignalGuard(in_turn=in_turn, can_suspend=True)
        self._completes = not in_turn
        try:
            with self._keyboard.unmuted(), guard.active():
                while True:
                    readline.set_startup_hook(partial(readline.insert_text, prefill))
                    try:
                        return input(prompt)
                    except Suspended:
                        prefill = readline.get_line_buffer()
                        guard.suspend()
        except EOFError:
            return None
        finally:
            readline.set_startup_hook(None)

    def _bind_keys(self, editing_mode: Literal["emacs", "vi"]) -> None:
        readline.set_completer_delims("")  # the completer gets the whole text before the cursor
        readline.set_completer(self._called)
        for binding in (
            "set enable-bracketed-paste on",
            f"set editing-mode {editing_mode}",
            "set disable-completion off",
            f'"{_COMPLETE}": complete',
            f'"{_REDRAW}": {_DO_NOTHING}',
            rf'"\t": "{_COMPLETE}{_REDRAW}"',
        ):
            readline.parse_and_bind(binding)
        if editing_mode == "emacs":  # in vi mode, Escape is a key by itself
            # Enter sends a line feed if it was pressed before readline set up the terminal.
            for enter in (r"\C-m", r"\C-j"):
                readline.parse_and_bind(rf'"\e{enter}": "\C-v\C-j"')

    def _called(self, before: str, number: int) -> str | None:
        """Return the only completion; readline asks for number 0, 1, … until None."""
        if number or not self._completes or self._complete is None:
            return None
        completed, rows = self._complete(before, shutil.get_terminal_size().columns - 1)
        readline.parse_and_bind(f'"{_REDRAW}": {"redraw-current-line" if rows else _DO_NOTHING}')
        if rows:
            sys.stdout.write("".join(f"\n{row}" for row in rows) + "\n")
            sys.stdout.flush()
        return completed if rows or completed != before else None
