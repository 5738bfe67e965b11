"""Sources of lines for the plain shell: a pipe, or a terminal without readline."""

from __future__ import annotations

import asyncio
import select
import sys
import termios
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import Protocol

from aloop.interrupts import INTERRUPTED
from aloop.sanitize import visible
from repl.input.key_bindings import is_continued, keeps_backslash
from repl.plain.signals import Interrupted, ShutdownRequested, Signals
from repl.plain.tty import Keyboard, without_keys

Complete = Callable[[str, int], tuple[str, list[str]]]
"""Takes the text before the cursor and a width in columns; see ``PlainCompleter.complete``."""


class LineSource(ABC):
    """Provides input lines; by default without history, completion and prefill."""

    @abstractmethod
    async def read_line(self, prompt: str) -> str | None:
        """Return the next line, None at the end of the input.

        Raises Interrupted for Ctrl-C, and ShutdownRequested for SIGTERM and SIGHUP.
        """

    def remember(self, line: str) -> None:  # noqa: B027 - a source may lack a history
        """Add ``line`` to the history."""

    def complete_with(self, complete: Complete) -> None:  # noqa: B027 - a source may lack a Tab key
        """Let Tab use ``complete``."""

    def prefill(self, text: str) -> bool:  # noqa: ARG002 - for sources that can edit given text
        """Put ``text`` on the next line; return False if that is impossible."""
        return False

    def hold_input(self) -> AbstractContextManager[None]:
        """Queue lines that are entered during the body; put other text on the next line."""
        return nullcontext()

    def return_queue(self) -> None:  # noqa: B027 - for sources that can be read during a turn
        """Offer the lines that are queued one by one at the next prompts."""


class InteractiveSource(Protocol):
    """A source that can ask a question during a turn."""

    async def read_answer(self, prompt: str) -> str | None:
        """Return an answer as ``LineSource.read_line`` does, without prefilled text."""
        ...

    def hold_typed_ahead(self) -> None:
        """Put what was typed so far on the next line.

        It cannot be the answer to a question that was not asked yet.
        """
        ...

    def lend_terminal(self) -> AbstractContextManager[None]:
        """Give the terminal to another program during the body."""
        ...


class PipedLines(LineSource):
    """Lines from a pipe or a file, read in a daemon thread as a pipe may never end."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    async def read_line(self, prompt: str) -> str | None:  # noqa: ARG002 - there is no one to prompt
        waiting = asyncio.ensure_future(self._queue.get())
        try:
            with self._signals.cancelling(waiting):
                return await waiting
        except asyncio.CancelledError:
            raise ShutdownRequested(self._signals.code or INTERRUPTED) from None

    def prefill(self, text: str) -> bool:  # noqa: ARG002 - the author of the input has the text
        return True

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: the lines are no longer needed
            for line in sys.stdin:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, line.rstrip("\r\n"))
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)


_CONTINUATION = "  "
PASTE_PAUSE = 0.05
"""Seconds; lines that come faster are a paste."""

_PASTED = "\nPasted. Press Enter to send it or Ctrl-C to discard it. "
_TYPED = "Typed earlier. Press Enter to send it or Ctrl-C to discard it. "


class TerminalLines(LineSource):
    """Lines from a terminal that edits them itself, without history or completion."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._keyboard = Keyboard()
        self._prefill = ""
        self._queue: list[str] = []
        self._held: list[str] = []  # were queued; each is put on a line, before those that are queued now
        self._has_ended = False

    async def read_line(self, prompt: str) -> str | None:
        """Return the next line that is queued, or block until one is entered.

        The event loop has nothing to do between turns.
        """
        if self._queue and not self._held:
            sys.stdout.write(f"{prompt}{self._queue[0]}\n")
            return self._queue.pop(0)
        if self._has_ended:
            for unsent in (*self._held, *self._queue, self._prefill):
                self.remember(unsent)
            sys.stdout.write("\n")
            return None
        if self._held:
            prefill = self._held.pop(0)
        else:
            prefill, self._prefill = self._prefill, ""
        text = ""
        try:
            line = self._read(prompt, prefill)
            while line is not None and is_continued(line):
                text += f"{line if keeps_backslash(text or line) else line[:-1]}\n"
                line = self._read(_CONTINUATION)
        except (Interrupted, ShutdownRequested):
            self._remember_draft(text)
            raise
        return text + (line or "") if text else line

    async def read_answer(self, prompt: str) -> str | None:
        return None if self._has_ended else self._read(prompt, in_turn=True)

    def hold_typed_ahead(self) -> None:
        typed, is_last = self._keyboard.typed_ahead()
        self._has_ended |= is_last
        self._prefill = "\n".join(filter(None, (self._prefill, visible(typed))))

    @contextmanager
    def hold_input(self) -> Iterator[None]:
        with self._keyboard.muted():
            try:
                with self._reading():
                    yield
            finally:
                with suppress(termios.error):  # the terminal is closed
                    self.hold_typed_ahead()

    def return_queue(self) -> None:
        self._held += self._queue
        self._queue.clear()

    @contextmanager
    def lend_terminal(self) -> Iterator[None]:
        self._signals.is_lent = True
        loop = asyncio.get_running_loop()
        is_reading = loop.remove_reader(sys.stdin)
        try:
            with self._keyboard.unmuted():
                yield
        finally:
            self._signals.is_lent = False
            if is_reading:
                loop.add_reader(sys.stdin, self._take_lines)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Take lines as they are entered during the body."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin, self._take_lines)
        try:
            yield
        finally:
            loop.remove_reader(sys.stdin)

    def _take_lines(self) -> None:
        """Queue a line that was entered.

        Several at once may be a paste, and are put on the next line.
        """
        if not self._keyboard.is_ours():
            asyncio.get_running_loop().remove_reader(sys.stdin)  # another program of the same terminal reads
            return
        lines: list[str] = []
        while select.select([sys.stdin], [], [], PASTE_PAUSE if lines else 0)[0]:
            line, is_last = self._keyboard.read_line()
            if is_last:
                self._has_ended = True
                asyncio.get_running_loop().remove_reader(sys.stdin)
                break
            lines.append(line)
        text = visible("\n".join(lines)).strip("\n")
        if len(lines) == 1 and text.strip() and not is_continued(text) and not self._prefill:
            self._queue.append(text)
            sys.stdout.write(f"Queued: {text}\n")
            sys.stdout.flush()
        else:
            self._prefill = "\n".join(filter(None, (self._prefill, text)))

    def _remember_draft(self, above: str) -> None:
        """Keep a line that Ctrl-C or a signal has cleared, below the lines it continues."""

    def _read(self, prompt: str, prefill: str = "", *, in_turn: bool = False) -> str | None:
        try:
            with self._keyboard.unmuted():
                return self._signals.read(partial(_confirmed, prompt, prefill), in_turn=in_turn)
        except EOFError:
            sys.stdout.write("\n")  # the terminal shows nothing for Ctrl-D
            return None


def _confirmed(prompt: str, prefill: str) -> str:
    """Return a line; earlier text and pasted lines must be confirmed by Enter."""
    if prefill:
        sys.stdout.write(f"{prompt}{prefill}\n")
        lines, question = [prefill], _TYPED
    else:
        lines, question = [input(prompt)], _PASTED
    while select.select([sys.stdin], [], [], PASTE_PAUSE)[0]:
        lines.append(input())
    if prefill or len(lines) > 1:
        lines.append(input(question))
    return without_keys("\n".join(lines)).rstrip("\n")  # the terminal passes on keys that it does not know
