"""Signals in the plain shell: each ends a read or cancels the work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_WAKE_SECONDS = 0.5
"""Not shorter: an interruption also ends the wait of readline for the rest of a key."""

_AGAIN_SECONDS = 0.05
"""Seconds until a read that ignored a signal gets it again."""


class Interrupted(Exception):
    """Ctrl-C was pressed while a line was read.

    Not KeyboardInterrupt, which would stop the event loop.
    """


class ShutdownRequested(Exception):
    """SIGTERM or SIGHUP arrived, or the terminal was closed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Suspended(Exception):
    """Ctrl-Z was pressed while a line was read."""


class Signals:
    """Handles SIGINT, SIGTERM, SIGHUP and SIGTSTP while the event loop runs.

    A handler records the signal. The record belongs to what comes first: a read, which it ends, or work, which it
    cancels. It ends a read by an exception, but ``input`` ignores exceptions in its flushes and in hooks of readline,
    and readline looks for signals only when its wait is interrupted. Therefore a timer repeats the exception until the
    read has ended.
    """

    def __init__(self) -> None:
        self.code = 0
        """128 + the number of the last SIGTERM or SIGHUP, or 0."""
        self.is_lent = False
        """True while another program has the terminal, and gets Ctrl-C."""
        self._is_noted = self._is_suspended = False
        self._is_reading = self._in_turn = self._can_suspend = False
        self._tick: Callable[[], object] | None = None
        self._tick_seconds = _WAKE_SECONDS
        self._work: asyncio.Future[Any] | None = None
        self._loop = asyncio.get_running_loop()
        for number in _CANCELLING:
            # This makes the signal wake up the loop; but the handler cannot wait for the loop, which a read blocks.
            self._loop.add_signal_handler(number, self._cancel_work)
            signal.signal(number, self._note)
        # A shell without job control ignores SIGTSTP: nothing could resume the process.
        suspends = signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
        handlers = {signal.SIGALRM: self._wake} | ({signal.SIGTSTP: self._note} if suspends else {})
        self._previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}

    def close(self) -> None:
        """Restore the handlers of signals."""
        for number in _CANCELLING:
            self._loop.remove_signal_handler(number)
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def cancelling(self, work: asyncio.Future[Any]) -> Iterator[None]:
        """Let a signal cancel ``work`` during the body, even one that came just before."""
        self._work = work
        self._loop.call_soon(self._cancel_work)
        try:
            yield
        finally:
            self._work = None

    def read(
        self,
        ask: Callable[[], str],
        *,
        in_turn: bool = False,
        can_suspend: bool = False,
        tick: Callable[[], object] | None = None,
    ) -> str:
        """Return the result of ``ask``, a blocking read, which a signal ends.

        Raises Interrupted, ShutdownRequested, or Suspended if ``can_suspend``. With ``in_turn``, the error is
        Interrupted for each signal, which cancels the work, too. ``tick`` is called now and then.
        """
        self._in_turn, self._can_suspend, self._tick = in_turn, can_suspend, tick
        # The loop cannot empty the pipe that wakes it up: in minutes, the timer would fill it.
        wakeup = signal.set_wakeup_fd(-1)
        signal.setitimer(signal.ITIMER_REAL, self._tick_seconds, self._tick_seconds)
        try:
            self._is_reading = True
            self._end_read(None)
            # Handlers run at calls and loops, of which there is none between the end of this one and the next line.
            result = ask()
            self._is_reading = False
        except BaseException:
            self._is_reading = False
            error = self._error()
            if error is None:
                raise
            # An error other than the one raised is possible: C code may misread two signals in one moment.
            raise self._taken(error) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.set_wakeup_fd(wakeup)
            self._loop.call_soon(self._cancel_work)
        if self._is_suspended:
            self.suspend()
        return result

    def tick_every(self, seconds: float = _WAKE_SECONDS) -> None:
        """Set the time between ticks, even of a running read."""
        self._tick_seconds = seconds
        if self._is_reading:
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)

    def suspend(self) -> None:
        """Stop the process, and return when it is resumed."""
        self._is_suspended = False
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self._is_suspended = True
            if not (self._is_reading and self._can_suspend):
                self.suspend()
        elif number != signal.SIGINT:
            self._is_noted = True
            self.code = 128 + number
        elif not self.is_lent:
            self._is_noted = True
        self._end_read(frame)

    def _wake(self, _number: int, frame: FrameType | None) -> None:
        if self._is_reading and self._tick:
            self._tick()
        self._end_read(frame)

    def _end_read(self, interrupted: FrameType | None) -> None:
        """Raise the error of a noted signal in a read."""
        if not self._is_reading or (interrupted is not None and interrupted.f_code is Signals._note.__code__):
            return  # an exception in that method would keep its signal from being noted
        if error := self._error():
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _WAKE_SECONDS)
            raise error

    def _error(self) -> BaseException | None:
        if self._is_noted:
            return ShutdownRequested(self.code) if self.code and not self._in_turn else Interrupted()
        return Suspended() if self._is_suspended else None

    def _taken(self, error: BaseException) -> BaseException:
        """Return ``error`` without its note, which a turn needs to be cancelled."""
        if isinstance(error, Suspended):
            self._is_suspended = False
        elif not self._in_turn:
            self._is_noted = False
        return error

    def _cancel_work(self) -> None:
        if self._is_noted and self._work is not None and not self._work.done():
            self._is_noted = False
            self._work.cancel()
