"""Signals that come at a bad moment, while a line is waited for."""

from __future__ import annotations

import ctypes
import errno
import signal
from contextlib import AbstractContextManager, nullcontext

import pytest

from repl.plain.tty import Ends, ToldToEnd

_PATIENCE_MS = 20_000


@pytest.mark.parametrize(
    ("number", "outcome"), [(signal.SIGINT, nullcontext()), (signal.SIGTERM, pytest.raises(ToldToEnd))]
)
def test_a_signal_that_came_just_before_the_wait_ends_it(
    number: signal.Signals, outcome: AbstractContextManager[object]
) -> None:
    """Readline waits with a call that sees no signal but those that come while it lasts."""
    libc = ctypes.CDLL(None, use_errno=True)
    previous = signal.signal(number, lambda _number, _frame: None)
    try:
        with outcome, Ends().heard():
            signal.raise_signal(number)
            assert libc.poll(None, 0, _PATIENCE_MS) == -1
            assert ctypes.get_errno() == errno.EINTR
    finally:
        signal.signal(number, previous)
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
