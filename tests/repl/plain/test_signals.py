"""Tests of signals during blocking reads and during work."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from repl.plain.signals import Interrupted, ShutdownRequested, Signals, Suspended

_PATIENCE_MS = 30_000
_LIBC = ctypes.PyDLL(None, use_errno=True)


@contextmanager
def handling() -> Iterator[Signals]:
    signals = Signals()
    try:
        yield signals
    finally:
        signals.close()


def wait() -> str:
    """Wait as readline does: until a signal, without looking for one that came before."""
    while _LIBC.poll(None, 0, _PATIENCE_MS) == -1:
        assert ctypes.get_errno() == errno.EINTR
    return "nothing came"


def swallowed(*numbers: signal.Signals) -> Callable[[], str]:
    """Return a read in which signals arrive in a flush, which ignores all errors."""

    def read() -> str:
        for number in numbers:
            with suppress(Interrupted, ShutdownRequested, Suspended):
                signal.raise_signal(number)
        return wait()

    return read


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGINT, Interrupted),
        (signal.SIGTERM, ShutdownRequested),
        (signal.SIGHUP, ShutdownRequested),
        (signal.SIGTSTP, Suspended),
    ],
)
async def test_signal_that_a_flush_swallowed_ends_the_read(number: signal.Signals, error: type[Exception]) -> None:
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    with handling() as signals, pytest.raises(error):
        signals.read(swallowed(number), can_suspend=True)


async def test_signal_that_a_flush_swallowed_at_a_question_cancels_the_turn() -> None:
    with handling() as signals:

        async def ask() -> None:
            with pytest.raises(Interrupted):
                signals.read(swallowed(signal.SIGTERM), in_turn=True)
            await asyncio.Event().wait()

        work = asyncio.ensure_future(ask())
        with signals.cancelling(work), pytest.raises(asyncio.CancelledError):
            await work
        assert signals.code == 128 + signal.SIGTERM


async def test_long_read_does_not_fill_the_pipe_that_wakes_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = list[object]()
    monkeypatch.setattr("sys.unraisablehook", reported.append)

    def wait_for_minutes() -> str:
        for _ in range(5_000):
            signal.raise_signal(signal.SIGALRM)
        return "typed"

    with handling() as signals:
        assert signals.read(wait_for_minutes) == "typed"
        assert not reported
        assert signal.set_wakeup_fd(-1) != -1


async def test_signal_between_reads_ends_the_next_one() -> None:
    with handling() as signals:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            signals.read(wait)
        assert signals.read(lambda: "next") == "next"


async def test_signal_before_a_turn_cancels_it() -> None:
    with handling() as signals:
        signal.raise_signal(signal.SIGINT)
        work = asyncio.ensure_future(asyncio.Event().wait())
        with signals.cancelling(work), pytest.raises(asyncio.CancelledError):
            await work


async def test_signal_at_the_end_of_a_turn_ends_the_next_read() -> None:
    with handling() as signals:
        work = asyncio.ensure_future(asyncio.sleep(0))
        with signals.cancelling(work):
            work.add_done_callback(lambda _work: signal.raise_signal(signal.SIGINT))
            await work
        await asyncio.sleep(0)
        with pytest.raises(Interrupted):
            signals.read(wait)


async def test_sigterm_outranks_ctrl_c_in_one_read() -> None:
    with handling() as signals:
        with pytest.raises(ShutdownRequested) as raised:
            signals.read(swallowed(signal.SIGINT, signal.SIGTERM, signal.SIGINT))
        assert raised.value.code == 128 + signal.SIGTERM


async def test_end_of_input_at_the_moment_of_a_signal_is_the_signal() -> None:
    def end() -> str:
        with suppress(ShutdownRequested):
            signal.raise_signal(signal.SIGHUP)
        raise EOFError

    with handling() as signals, pytest.raises(ShutdownRequested):
        signals.read(end)


async def test_read_ticks_while_it_waits() -> None:
    def tick() -> None:
        raise EOFError

    with handling() as signals, pytest.raises(EOFError):
        signals.read(wait, tick=tick)


async def test_ctrl_c_while_the_terminal_is_lent_is_left_to_the_other_program() -> None:
    with handling() as signals:
        signals.is_lent = True
        signal.raise_signal(signal.SIGINT)
        signals.is_lent = False
        assert signals.read(lambda: "next") == "next"


async def test_handlers_and_timer_are_restored() -> None:
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGALRM)
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    with handling() as signals:
        signals.read(lambda: "")
    assert [signal.getsignal(number) for number in numbers] == [signal.SIG_DFL] * 4
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
