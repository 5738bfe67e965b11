"""A terminal that is asked for one line at a time, and on which nothing is drawn over."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from repl.backslash import is_kept, is_open
from repl.ending import SIGNALS
from repl.history_file import HistoryFile
from repl.sanitize import safe_text

_Handler = Callable[[int, FrameType | None], Any] | signal.Handlers

_LFLAG, _CC = 3, 6
_PASTE_PAUSE = 0.05
"""Seconds; a person does not end two lines within them."""

_PASTED = "\nThat was pasted: Enter sends it, Ctrl-C drops it. "
_MORE = "  "
"""Leads the further lines of a text, which then stand below its first one."""


class TerminalLines:
    """Asks with ``input``: the line is edited by readline, or where the terminal is dumb by the terminal."""

    def __init__(self, history: Path, *, dumb: bool, editing_mode: Literal["emacs", "vi"] = "emacs") -> None:
        self.is_lent = False
        self._history = HistoryFile(history)
        self._has_readline = False
        self._offered = ""
        if not dumb:
            self._start_readline(editing_mode)

    async def next(self, lead: str) -> str | None:
        """Ask, and stand still until there is an answer: between turns, and at a question, nothing else is going on."""
        text = ""
        try:
            line = self._offering(lead)
            while line is not None and is_open(line):
                text += f"{line if is_kept(text or line) else line[:-1]}\n"
                line = self._line(_MORE)
        except KeyboardInterrupt:
            self._remember_draft(text)
            raise
        return text + (line or "") if text else line

    async def answer(self, lead: str) -> str | None:
        # In the middle of a turn, which the event loop then hears that it must end.
        return self._read(lead, signal.default_int_handler)

    def remember(self, line: str) -> None:
        if not self._has_readline or not line.strip():
            return
        import readline  # loaded by now

        readline.add_history(line)
        with suppress(OSError):  # it is still remembered for as long as the shell is open
            self._history.append(line)

    def offer(self, text: str) -> bool:
        """Put ``text`` on the next line; not where nothing can, and not what readline would obey or hide."""
        if not self._has_readline or safe_text(text) != text:
            return False
        self._offered = "\n".join(filter(None, (self._offered, text)))
        return True

    def typed_ahead(self) -> str:
        before = termios.tcgetattr(sys.stdin)
        unread = termios.tcgetattr(sys.stdin)
        # Also what no Enter has ended yet; and nothing is waited for.
        unread[_LFLAG] &= ~termios.ICANON
        unread[_CC][termios.VMIN] = unread[_CC][termios.VTIME] = 0
        try:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, unread)
            typed = b"".join(iter(lambda: os.read(sys.stdin.fileno(), 4096), b""))
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        return typed.replace(b"\0", b"").decode(errors="replace").strip()

    @contextmanager
    def lent(self) -> Iterator[None]:
        before = termios.tcgetattr(sys.stdin)
        self.is_lent = True
        try:
            yield
        finally:
            self.is_lent = False
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def _remember_draft(self, above: str) -> None:
        """Keep what Ctrl-C has cleared."""
        if self._has_readline:
            import readline  # loaded by now

            self.remember(above + readline.get_line_buffer())

    def _offering(self, lead: str) -> str | None:
        """Ask for a line on which stands what was offered."""
        offered, self._offered = self._offered, ""
        if not offered:
            return self._line(lead)
        import readline  # which has taken the offer, so it is loaded

        readline.set_startup_hook(lambda: readline.insert_text(offered))
        try:
            return self._line(lead)
        finally:
            readline.set_startup_hook(None)

    def _start_readline(self, editing_mode: str) -> None:
        with suppress(ImportError):  # some Pythons are built without it
            import readline  # only where a person types: merely loading it changes how ``input`` behaves

            readline.set_auto_history(False)  # answers to questions are none of it
            if "libedit" in (readline.__doc__ or ""):
                readline.parse_and_bind(f"bind -{editing_mode[0]}")
            else:
                readline.parse_and_bind("set enable-bracketed-paste on")
                readline.parse_and_bind(f"set editing-mode {editing_mode}")
            with suppress(OSError):
                for entry in self._history.read():
                    readline.add_history(entry)
            self._has_readline = True

    def _line(self, lead: str) -> str | None:
        # At rest all is saved: whoever tells us to end is obeyed on the spot. What is raised might come too late, for
        # readline only looks at signals that come while it waits.
        return self._read(lead, signal.SIG_DFL)

    def _read(self, lead: str, when_told: _Handler) -> str | None:
        """Ask, with a Ctrl-C that raises KeyboardInterrupt here and not somewhere in the event loop."""
        handlers = dict.fromkeys(SIGNALS, when_told) | {signal.SIGINT: signal.default_int_handler}
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            return input(lead) if self._has_readline else _unpasted(lead)
        except EOFError:
            if not self._has_readline:  # which ends the line by itself
                sys.stdout.write("\n")
            return None
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _unpasted(lead: str) -> str:
    """As ``input``; but lines that come all at once are a paste, which does not send itself."""
    lines = [input(lead)]
    while select.select([sys.stdin], [], [], _PASTE_PAUSE)[0]:
        lines.append(input())
    if len(lines) > 1:
        lines.append(input(_PASTED))
    return "\n".join(lines).rstrip("\n")
