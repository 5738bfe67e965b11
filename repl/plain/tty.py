"""What the terminal does with keys that nobody reads just now: it shows them, or keeps them to itself.

Signals while a line is waited for: readline has the terminal its own way, and looks only at those that come then.

SIGTERM and SIGHUP where lines are read: what is being done is ended as Ctrl-C would, and then the program.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, NoReturn

_LFLAG, _CC = 3, 6
_Modes = list[Any]

_NO_TEXT = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL)
"""Arrows and the like, and control characters."""


class Keyboard:
    """Standard input, a terminal."""

    def __init__(self) -> None:
        self._resting: _Modes | None = None

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Show nothing of what is typed while the body runs, and lose none of it, also by Ctrl-C."""
        resting = termios.tcgetattr(sys.stdin)
        muted = termios.tcgetattr(sys.stdin)
        muted[_LFLAG] = muted[_LFLAG] & ~termios.ECHO | termios.NOFLSH
        termios.tcsetattr(sys.stdin, termios.TCSANOW, muted)
        self._resting = resting
        try:
            yield
        finally:
            self._resting = None
            with suppress(termios.error):  # the terminal has gone away
                termios.tcsetattr(sys.stdin, termios.TCSANOW, resting)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Have the terminal as it is at rest while the body runs; in the end it is as it was."""
        before = termios.tcgetattr(sys.stdin)
        if self._resting:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._resting)
        try:
            yield
        finally:
            with suppress(termios.error):  # as above
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def typed_ahead(self) -> str:
        """Take the text that was typed and not read yet; nothing is waited for, not even for an Enter."""
        before = termios.tcgetattr(sys.stdin)
        unread = termios.tcgetattr(sys.stdin)
        unread[_LFLAG] &= ~termios.ICANON
        unread[_CC][termios.VMIN] = unread[_CC][termios.VTIME] = 0
        try:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, unread)
            typed = b"".join(iter(lambda: os.read(sys.stdin.fileno(), 4096), b""))
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        text = _NO_TEXT.sub("", typed.decode(errors="replace").replace("\r", "\n")).strip("\n")
        return text if text.strip() else ""  # with the space behind a word: another one may follow


SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class ShutdownRequested(Exception):
    """Raised where a line is waited for, which nothing else can end; ``code`` is what the program then returns."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class ShutdownSignals:
    """Listens from construction, on the running event loop; ``code`` is 0 until somebody has told us to end.

    ``work`` is what is cancelled then.
    """

    def __init__(self) -> None:
        self.code = 0
        self.work: asyncio.Future[Any] | None = None
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._end, number)

    def _end(self, number: int) -> None:
        self.code = 128 + number
        if self.work:
            self.work.cancel()


_AGAIN_SECONDS = 0.1
_NUDGE = signal.SIGURG


class SignalHandlers:
    """Hears, while the body of ``heard`` runs, that the program is to end; the event loop then hears nothing.

    The loop would take a Ctrl-C at the prompt for one against the turn after it.
    """

    def __init__(self) -> None:
        self._is_heard = False
        self._told = 0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise what has readline put the terminal right, once."""
        if not self._is_heard:
            self._is_heard = True
            raise ShutdownRequested(number)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Have a signal that came just before readline waits looked at: it would look no sooner than at the next."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        # Nobody sends this one, and it does nothing but wake readline up.
        ignored = signal.signal(_NUDGE, lambda _number, _frame: None)
        thread = threading.Thread(target=self._insist, args=(reading,), name="signals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            os.close(writing)
            thread.join()
            os.close(reading)
            signal.signal(_NUDGE, ignored)
            if self._told and not self._is_heard:  # a Ctrl-C came with it
                raise ShutdownRequested(self._told)

    def _insist(self, reading: int) -> None:
        """Read the numbers of signals until there will be no more; from the first on that ends the line, nudge."""
        has_come = False
        while True:
            if not select.select([reading], [], [], _AGAIN_SECONDS if has_come else None)[0]:
                signal.pthread_kill(threading.main_thread().ident or 0, _NUDGE)
            elif not (number := os.read(reading, 1)):
                break
            elif number[0] in SIGNALS:
                self._told, has_come = number[0], True
            elif number[0] == signal.SIGINT:
                has_come = True


def ask(lead: str) -> str:
    """As ``input`` with readline, which Ctrl-Z stops with the terminal as it is now; then the line is drawn anew."""
    import readline  # only where a person types: merely loading it changes how ``input`` behaves

    try:
        while True:
            try:
                with _one_signal():
                    return input(lead)
            except _Stopped:
                draft = readline.get_line_buffer()
                readline.set_startup_hook(partial(readline.insert_text, draft))
                signal.raise_signal(signal.SIGTSTP)  # which returns once we go on
    finally:
        readline.set_startup_hook(None)


class _Stopped(Exception):
    pass


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stopped


@contextmanager
def _one_signal() -> Iterator[None]:
    """Hear of Ctrl-Z too, where somebody could have us go on; but of nothing behind the first signal.

    What a second one raises before the first is out of readline, Python takes for an error of its own.
    """
    previous = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGINT, signal.SIGTSTP)}
    handlers = {number: handler for number, handler in previous.items() if callable(handler)}
    if previous[signal.SIGTSTP] == signal.SIG_DFL:
        handlers[signal.SIGTSTP] = _stop
    is_over = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_over
        if not is_over:
            is_over = True
            handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in handlers:
            signal.signal(number, previous[number])
