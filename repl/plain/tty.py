"""Modes of the terminal, and signals, while lines are read without prompt_toolkit."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_LFLAG, _CC = 3, 6
_Modes = list[Any]

_NOT_TEXT = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL)
"""Escape sequences, as arrow keys send them, and control characters."""


class Keyboard:
    """The modes of standard input, which must be a terminal."""

    def __init__(self) -> None:
        self._normal: _Modes | None = None

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Turn the echo off in the body; typed text stays buffered, also after Ctrl-C."""
        normal = termios.tcgetattr(sys.stdin)
        muted = termios.tcgetattr(sys.stdin)
        muted[_LFLAG] = muted[_LFLAG] & ~termios.ECHO | termios.NOFLSH
        termios.tcsetattr(sys.stdin, termios.TCSANOW, muted)
        self._normal = normal
        try:
            yield
        finally:
            self._normal = None
            with suppress(termios.error):  # the terminal is closed
                termios.tcsetattr(sys.stdin, termios.TCSANOW, normal)

    @contextmanager
    def unmuted(self) -> Iterator[None]:
        """Restore the normal modes in the body, and the present ones after it."""
        before = termios.tcgetattr(sys.stdin)
        if self._normal:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._normal)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal is closed
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def typed_ahead(self) -> str:
        """Take the text that was typed and not read yet, without waiting for Enter."""
        text = without_keys(self.read_unread()).strip("\n")
        return text if text.strip() else ""  # a space after the last word stays: another word may follow

    def read_unread(self) -> str:
        """Take all that was typed and not read yet, keys included."""
        before = termios.tcgetattr(sys.stdin)
        unread = termios.tcgetattr(sys.stdin)
        unread[_LFLAG] &= ~termios.ICANON
        unread[_CC][termios.VMIN] = unread[_CC][termios.VTIME] = 0
        try:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, unread)
            typed = b"".join(iter(lambda: os.read(sys.stdin.fileno(), 4096), b""))
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        return typed.decode(errors="replace").replace("\r", "\n")


def without_keys(text: str) -> str:
    """Return ``text`` without escape sequences and control characters."""
    return _NOT_TEXT.sub("", text)


_SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class ShutdownRequested(Exception):
    """SIGTERM or SIGHUP arrived during a read; ``code`` is the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class ShutdownSignals:
    """Handles SIGTERM and SIGHUP on the running event loop.

    The first one sets ``code``, the exit code, and cancels ``work``.
    """

    def __init__(self) -> None:
        self.code = 0
        self.work: asyncio.Future[Any] | None = None
        for number in _SHUTDOWN_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._shut_down, number)

    def _shut_down(self, number: int) -> None:
        self.code = 128 + number
        if self.work:
            self.work.cancel()


class Suspended(Exception):
    """Ctrl-Z was pressed while a line was read."""


_WAKE_SECONDS = 0.5
"""Not shorter: an interruption also ends the wait of readline for the rest of a key."""


class SignalGuard:
    """Raises the first signal that arrives during a blocking read, from that read.

    readline restores the terminal when a signal handler raises. A second exception before the first one has left
    readline would be taken for an error of readline itself, so later signals only count as a request to shut down.
    """

    def __init__(self, *, in_turn: bool, can_suspend: bool) -> None:
        """Prepare a read; if ``in_turn``, the event loop gets the signals too."""
        self._in_turn = in_turn
        self._is_raised = False
        self._shutdown = 0
        numbers = [signal.SIGINT, *_SHUTDOWN_SIGNALS]
        # A shell without job control ignores SIGTSTP: nothing could resume the process.
        if can_suspend and signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            numbers.append(signal.SIGTSTP)
        self._previous = {number: signal.getsignal(number) for number in numbers}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Guard the body; raises KeyboardInterrupt, ShutdownRequested or Suspended."""
        try:
            for number in self._previous:
                signal.signal(number, self._handle)
            if self._in_turn:
                yield
            else:
                with _no_event_loop(), _regular_interruptions():
                    yield
        finally:
            self._is_raised = True
            for number, handler in self._previous.items():
                signal.signal(number, handler)
            self._raise_shutdown()

    def suspend(self) -> None:
        """Stop the process, and return when it is resumed."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._is_raised = False
        self._raise_shutdown()
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._handle)

    def _raise_shutdown(self) -> None:
        """Raise for a request to shut down that came right after another signal."""
        if self._shutdown and not self._in_turn:
            raise ShutdownRequested(self._shutdown)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._is_raised:
            self._shutdown = number if number in _SHUTDOWN_SIGNALS else self._shutdown
            return
        self._is_raised = True
        if number == signal.SIGTSTP:
            raise Suspended
        if number == signal.SIGINT or self._in_turn:
            raise KeyboardInterrupt
        raise ShutdownRequested(number)


@contextmanager
def _no_event_loop() -> Iterator[None]:
    """Keep signals from the event loop.

    It would take a Ctrl-C at the prompt as one against the next turn.
    """
    previous = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)


@contextmanager
def _regular_interruptions() -> Iterator[None]:
    """Interrupt system calls regularly, so that readline looks for signals.

    It looks only when a signal interrupts its wait: one that arrives just before that would be handled at the next key.
    """
    previous = signal.signal(signal.SIGALRM, lambda _number, _frame: None)
    signal.setitimer(signal.ITIMER_REAL, _WAKE_SECONDS, _WAKE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
