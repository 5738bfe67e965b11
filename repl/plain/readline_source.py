"""A terminal that is asked for one line at a time, and on which nothing is drawn over.

Keys that readline has no function for: Tab, which completes as ours do, Ctrl-X Ctrl-E for the editor, and Alt-Enter.

All that Python can be called for by readline is completion. So the first two are macros: of a key that completes, which
is where we are called, and of keys for what readline has to do before or afterwards. Nobody types those by chance.
"""

from __future__ import annotations

import asyncio
import readline
import select
import shutil
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from aloop.errors import AloopError
from aloop.sanitize import safe_text, visible
from repl.input.editor import edit_text
from repl.input.history import HistoryFile
from repl.input.key_bindings import is_kept, is_open
from repl.plain.line_source import Complete
from repl.plain.tty import SIGNALS, Keyboard, ShutdownRequested, SignalHandlers, ask

_Handler = Callable[[int, FrameType | None], Any] | signal.Handlers

_PASTE_PAUSE = 0.05
"""Seconds; a person does not end two lines within them."""

_PASTED = "\nThat was pasted: Enter sends it, Ctrl-C drops it. "
_TYPED = "That was typed before: Enter sends it, Ctrl-C drops it. "
_MORE = "  "
"""Leads the further lines of a text, which then stand below its first one."""


class TerminalLines:
    """Asks with ``input``: the line is edited by readline, or where the terminal is dumb by the terminal."""

    def __init__(self, history: Path, *, dumb: bool, editing_mode: Literal["emacs", "vi"] = "emacs") -> None:
        self.is_lent = False
        self._history = HistoryFile(history)
        self._keyboard = Keyboard()
        self._has_readline = False
        self._keys: LineKeys | None = None
        self._is_to_edit = False
        self._offered = ""
        if not dumb:
            self._start_readline(editing_mode)

    async def next(self, lead: str) -> str | None:
        """Ask, and stand still until there is an answer: between turns, and at a question, nothing else is going on."""
        while True:
            self._is_to_edit = False
            line = self._whole(lead)
            if line is None or not self._is_to_edit:
                return line
            # Seen before it is sent, so that what readline would obey or hide is better spelled out than lost.
            self._offered = visible(await self._edited(line))

    async def answer(self, lead: str) -> str | None:
        # In the middle of a turn, which the event loop then hears that it must end.
        return self._read(lead, signal.default_int_handler)

    def complete_with(self, complete: Complete) -> None:
        if self._keys:
            self._keys.complete = complete

    def remember(self, line: str) -> None:
        if not self._has_readline or not line.strip():
            return
        import readline  # loaded by now

        readline.add_history(line)
        with suppress(OSError):  # it is still remembered for as long as the shell is open
            self._history.append(line)

    def offer(self, text: str) -> bool:
        """Put ``text`` on the next line; not where nothing can, and not what readline would obey or hide."""
        if self._offered or not self._has_readline or safe_text(text) != text:
            return False
        self._offered = text
        return True

    def set_aside(self) -> None:
        typed = visible(self._keyboard.typed_ahead())
        self._offered = "\n".join(filter(None, (self._offered, typed)))

    @contextmanager
    def kept(self) -> Iterator[None]:
        with self._keyboard.muted():
            try:
                yield
            finally:
                with suppress(termios.error):  # the terminal has gone away
                    self.set_aside()

    @contextmanager
    def lent(self) -> Iterator[None]:
        self.is_lent = True
        try:
            with self._keyboard.heard():
                yield
        finally:
            self.is_lent = False

    def _whole(self, lead: str) -> str | None:
        """Ask for a line, and for those that it goes on with."""
        text = ""
        try:
            line = self._offering(lead)
            while line is not None and not self._is_to_edit and is_open(line):
                text += f"{line if is_kept(text or line) else line[:-1]}\n"
                line = self._line(_MORE)
        except (KeyboardInterrupt, ShutdownRequested):
            self._remember_draft(text)
            raise
        return text + (line or "") if text else line

    async def _edited(self, text: str) -> str:
        """Return what became of ``text`` in the user's editor, whose Ctrl-C is none of ours."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        try:
            with self.lent():
                return await edit_text(text)
        except AloopError as error:
            sys.stdout.write(f"{safe_text(str(error))}\n")
            return text
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def _remember_draft(self, above: str) -> None:
        """Keep what Ctrl-C has cleared, or the end has taken away."""
        if self._has_readline:
            import readline  # loaded by now

            self.remember(above + readline.get_line_buffer())

    def _offering(self, lead: str) -> str | None:
        """Ask for a line on which stands what was offered."""
        offered, self._offered = self._offered, ""
        if not offered:
            return self._line(lead)
        if not self._has_readline:
            return self._line(lead, offered)
        import readline  # loaded by now

        readline.set_startup_hook(lambda: readline.insert_text(offered))
        return self._line(lead)

    def _start_readline(self, editing_mode: Literal["emacs", "vi"]) -> None:
        with suppress(ImportError):  # some Pythons are built without it
            import readline  # only where a person types: merely loading it changes how ``input`` behaves

            readline.set_auto_history(False)  # answers to questions are none of it
            if "libedit" in (readline.__doc__ or ""):
                readline.parse_and_bind(f"bind -{editing_mode[0]}")
            else:
                readline.parse_and_bind("set enable-bracketed-paste on")
                readline.parse_and_bind(f"set editing-mode {editing_mode}")
                self._keys = LineKeys(editing_mode)
            with suppress(OSError):
                for entry in self._history.read():
                    readline.add_history(entry)
            self._has_readline = True

    def _line(self, lead: str, offered: str = "") -> str | None:
        if self._keys is None:
            return self._waited_for(lead, offered)
        with self._keys.listening():
            line = self._waited_for(lead)
        taken = self._keys.taken()
        self._is_to_edit = taken is not None
        return line if taken is None else taken

    def _waited_for(self, lead: str, offered: str = "") -> str | None:
        ends = SignalHandlers()
        with ends.heard():
            return self._read(lead, ends.handle, offered)

    def _read(self, lead: str, when_told: _Handler, offered: str = "") -> str | None:
        """Ask, with a Ctrl-C that raises KeyboardInterrupt here and not somewhere in the event loop."""
        handlers = dict.fromkeys(SIGNALS, when_told) | {signal.SIGINT: signal.default_int_handler}
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            with self._keyboard.heard():
                return ask(lead) if self._has_readline else _unpasted(lead, offered)
        except EOFError:
            if not self._has_readline:  # which ends the line by itself
                sys.stdout.write("\n")
            return None
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _unpasted(lead: str, offered: str) -> str:
    """As ``input``; but what stands there already, and lines that come all at once, a paste, do not send themselves."""
    if offered:
        sys.stdout.write(f"{lead}{offered}\n")
        lines, question = [offered], _TYPED
    else:
        lines, question = [input(lead)], _PASTED
    while select.select([sys.stdin], [], [], _PASTE_PAUSE)[0]:
        lines.append(input())
    if offered or len(lines) > 1:
        lines.append(input(question))
    return "\n".join(lines).rstrip("\n")


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
