"""Lines edited by readline, with history and completion.

Not imported elsewhere at startup: loading readline changes how ``input`` behaves, and some Pythons lack it.
"""

from __future__ import annotations

import readline
import select
import shutil
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

from aloop.sanitize import safe_text, visible
from repl.input.history import HistoryFile
from repl.output.terminal_reports import STARTS
from repl.plain.line_source import PASTE_PAUSE, Complete, TerminalLines
from repl.plain.signals import Interrupted, ShutdownRequested, Signals, Suspended
from repl.plain.tty import discard_report, without_keys

# Tab is a macro of these two sequences, which no key sends: readline calls Python only to complete, and after our rows
# have been printed it must draw the line again.
_COMPLETE, _REDRAW = r"\C-x\e\C-t", r"\C-x\e\C-r"
_DO_NOTHING = "set-mark"

# The start of a bracketed paste is a macro, too: Python records the time, and readline reads the paste.
_NOTE_PASTE, _READ_PASTE = r"\C-x\e\C-n", r"\C-x\e\C-p"
_PASTE_START = r"\e[200~"
_NOTED = ord("?")  # the completion type of "possible-completions"

# The start of a report of the terminal calls Python, which reads the rest of it.
_DISCARD = ord("*")  # the completion type of "insert-completions"

_NOT_SENT = "Pasted text is not sent until you press Enter. Press Ctrl-C to discard it.\n"
_NO_ANSWER = "Pasted text cannot answer a question.\n"

_QUIET_SECONDS = 0.2
_QUIET_TICKS = 2
"""Ticks without a key, that many seconds apart, after which a key does not belong to a paste.

Not a time between two keys: on a busy machine, the end of a paste may be read long after its start.
"""


class ReadlineLines(TerminalLines):
    """Lines edited by readline; with libedit, without completion and Alt-Enter."""

    def __init__(self, signals: Signals, history: Path, editing_mode: Literal["emacs", "vi"] = "emacs") -> None:
        super().__init__(signals)
        self._history = HistoryFile(history)
        self._complete: Complete | None = None
        self._draft = ""
        self._is_open = False
        self._completes = False
        self._ticks_in_paste = 0
        self._ends_at_nul = False
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
        if self._held or self._prefill or safe_text(text) != text:
            return False
        self._prefill = text
        return True

    def complete_with(self, complete: Complete) -> None:
        self._complete = complete

    def _remember_draft(self, above: str) -> None:
        self.remember(above + self._draft)

    def _read(self, prompt: str, prefill: str = "", *, in_turn: bool = False) -> str | None:
        self._completes = not in_turn
        self._end_paste()
        ask = partial(input, prompt)
        try:
            with self._keyboard.unmuted():
                while True:
                    self._draft = prefill
                    self._is_open = False
                    readline.set_startup_hook(partial(self._open, prefill))
                    try:
                        line = self._signals.read(ask, in_turn=in_turn, can_suspend=True, tick=self._tick)
                    except Suspended:
                        self._keep_draft()
                        prefill = self._draft
                        self._signals.suspend()
                        continue
                    except (Interrupted, ShutdownRequested):
                        self._keep_draft()
                        raise
                    self._draft = line
                    pasted = self._take_paste(line, in_turn=in_turn)
                    if pasted is None:
                        return line
                    sys.stdout.write(_NO_ANSWER if in_turn else _NOT_SENT)
                    prefill = "" if in_turn else pasted
        except EOFError:
            if self._keyboard.is_gone() and not in_turn:
                # readline has dropped the line; SIGHUP may come later or, to a process of another program, never.
                raise ShutdownRequested(128 + signal.SIGHUP) from None
            return None
        finally:
            readline.set_startup_hook(None)

    def _open(self, prefill: str) -> None:
        readline.insert_text(prefill)
        self._is_open = True
        # A Ctrl-D that was pressed before readline set up the terminal is waiting as NUL.
        ends = bool(select.select([sys.stdin], [], [], 0)[0])
        if ends != self._ends_at_nul:
            self._ends_at_nul = ends
            readline.parse_and_bind(r'"\C-@": "\C-d"' if ends else r'"\C-@": set-mark')

    def _keep_draft(self) -> None:
        """Keep the text of the line, from when it is open until the terminal is gone."""
        text = readline.get_line_buffer() if self._is_open else ""
        if text or (self._is_open and not self._keyboard.is_gone()):
            self._draft = text

    def _take_paste(self, line: str, *, in_turn: bool) -> str | None:
        """Return ``line`` with the text that came with it if it was pasted, else None.

        Pasted text may contain the mark for its own end, and then keys. Without bracketed paste, each pasted line
        enters itself. During a turn, lines that were typed ahead are not a paste.
        """
        is_pasted = self._ticks_in_paste > 0
        rest = ""
        while (is_pasted or not in_turn) and select.select([sys.stdin], [], [], PASTE_PAUSE)[0]:
            read = self._keyboard.read_unread()
            if not read:
                break  # the terminal is closed
            rest += read
            is_pasted = True
        if not is_pasted:
            return None
        # More of the paste may arrive.
        self._note_paste()
        return visible(without_keys(f"{line}\n{rest}").rstrip("\n"))

    def _note_paste(self) -> None:
        self._ticks_in_paste = _QUIET_TICKS
        self._signals.tick_every(_QUIET_SECONDS)

    def _end_paste(self) -> None:
        self._ticks_in_paste = 0
        self._signals.tick_every()

    def _tick(self) -> None:
        self._keep_draft()
        if self._ticks_in_paste and not select.select([sys.stdin], [], [], 0)[0]:
            self._ticks_in_paste -= 1
            if not self._ticks_in_paste:
                self._end_paste()

    def _bind_keys(self, editing_mode: Literal["emacs", "vi"]) -> None:
        readline.set_completer_delims("")  # the completer gets the whole text before the cursor
        readline.set_completer(self._called)
        for binding in (
            "set enable-bracketed-paste on",
            f"set editing-mode {editing_mode}",
            "set bell-style none",  # readline would ring for each paste; Tab rings below
            "set disable-completion off",
            f'"{_COMPLETE}": complete',
            f'"{_REDRAW}": {_DO_NOTHING}',
            rf'"\t": "{_COMPLETE}{_REDRAW}"',
        ):
            readline.parse_and_bind(binding)
        keymaps = ("emacs",) if editing_mode == "emacs" else ("vi-command", "vi-insert")
        for keymap in keymaps:
            for binding in (
                f"set keymap {keymap}",
                f'"{_NOTE_PASTE}": possible-completions',
                f'"{_READ_PASTE}": bracketed-paste-begin',
                f'"{_PASTE_START}": "{_NOTE_PASTE}{_READ_PASTE}"',
                r'"\e[": skip-csi-sequence',  # keys and reports that readline does not know would be typed as text
                r'"\eOM": accept-line',  # Enter of the keypad
                *(f'"\\e{start[1:]}": insert-completions' for start in STARTS),
            ):
                readline.parse_and_bind(binding)
        if editing_mode == "emacs":  # in vi mode, Escape is a key by itself
            # Enter sends a line feed if it was pressed before readline set up the terminal.
            for enter in (r"\C-m", r"\C-j"):
                readline.parse_and_bind(rf'"\e{enter}": "\C-v\C-j"')

    def _called(self, before: str, number: int) -> str | None:
        """Return the only completion; readline asks for number 0, 1, … until None."""
        if readline.get_completion_type() == _NOTED:
            self._note_paste()
            return None
        if readline.get_completion_type() == _DISCARD:
            discard_report()
            return None
        if number or not self._completes or self._complete is None:
            return None
        completed, rows = self._complete(before, shutil.get_terminal_size().columns - 1)
        readline.parse_and_bind(f'"{_REDRAW}": {"redraw-current-line" if rows else _DO_NOTHING}')
        if rows:
            sys.stdout.write("".join(f"\n{row}" for row in rows) + "\n")
            sys.stdout.flush()
        elif completed == before:
            sys.stdout.write("\a")
            sys.stdout.flush()
        return completed if rows or completed != before else None
