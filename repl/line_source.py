"""Where lines come from that are not edited on the screen: a pipe, or a terminal that is asked for one at a time."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from repl.history_file import HistoryFile

_PASTE_PAUSE = 0.05
"""Seconds; a person does not end two lines within them."""

_PASTED = "\nThat was pasted: Enter sends it, Ctrl-C drops it. "


class LineSource(Protocol):
    """Gives lines, one after the other."""

    async def next(self, lead: str) -> str | None:
        """Return the next line, None when there are no more; ``lead`` is shown to whoever is asked.

        Raises KeyboardInterrupt when Ctrl-C is the answer.
        """
        ...

    def remember(self, line: str) -> None:
        """Offer ``line`` again later."""
        ...


class PipedLines:
    """Standard input, read in a thread (a daemon: a pipe may never end); nobody is there to be asked."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    async def next(self, lead: str) -> str | None:  # noqa: ARG002 - nobody reads it
        return await self._queue.get()

    def remember(self, line: str) -> None:
        """Whoever wrote the lines has them."""

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for lines any more
            for line in sys.stdin:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, line.rstrip("\r\n"))
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)


class TerminalLines:
    """A terminal that is asked with ``input``: the line is edited by readline, or where it is dumb by the terminal."""

    def __init__(self, history: Path, *, dumb: bool) -> None:
        self._history = HistoryFile(history)
        self._has_readline = False
        if not dumb:
            self._start_readline()

    async def next(self, lead: str) -> str | None:
        """Ask, and stand still until there is an answer: between turns, and at a question, nothing else is going on."""
        try:
            return _ask(lead) if self._has_readline else _unpasted(lead)
        except EOFError:
            if not self._has_readline:  # which ends the line by itself
                sys.stdout.write("\n")
            return None

    def remember(self, line: str) -> None:
        if not self._has_readline or not line.strip():
            return
        import readline  # loaded by now

        readline.add_history(line)
        with suppress(OSError):  # it is still remembered for as long as the shell is open
            self._history.append(line)

    def _start_readline(self) -> None:
        with suppress(ImportError):  # some Pythons are built without it
            import readline  # only where a person types: merely loading it changes how ``input`` behaves

            readline.set_auto_history(False)  # answers to questions are none of it
            readline.parse_and_bind("set enable-bracketed-paste on")
            with suppress(OSError):
                for entry in self._history.read():
                    readline.add_history(entry)
            self._has_readline = True


def _ask(lead: str) -> str:
    """As ``input``, with a Ctrl-C that raises KeyboardInterrupt here and not somewhere in the event loop."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(lead)
    finally:
        signal.signal(signal.SIGINT, previous)


def _unpasted(lead: str) -> str:
    """As ``_ask``; but lines that come all at once are a paste, which does not send itself."""
    lines = [_ask(lead)]
    while select.select([sys.stdin], [], [], _PASTE_PAUSE)[0]:
        lines.append(_ask(""))
    if len(lines) > 1:
        lines.append(_ask(_PASTED))
    return "\n".join(lines).rstrip("\n")
