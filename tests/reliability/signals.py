"""Signals at random moments of a plain shell that reads, asks and works."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pexpect

from repl.plain.readline_source import ReadlineLines
from repl.plain.signals import Interrupted, ShutdownRequested, Signals
from tests.reliability.row import Row

_PATIENCE = 30.0
_DELAY = 0.004
"""Seconds; in this time the child ends a read and begins the next one."""

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
_KEYS = ("", "", "x", "x\t", "\r", "a\tb\r", "\x1b[200~p\x1b[201~")


def signals_at_random(*, full: bool) -> Row:
    """Send signals to a child, a random time after the effect of the one before."""
    count = 20_000 if full else 60
    chance = random.Random(11)
    lost: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "tests.reliability.signals", folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"},
            dimensions=(24, 80),
        )
        child.delaybeforesend = None
        try:
            child.expect_exact("<ready>", timeout=_PATIENCE)
            for _ in range(count):
                number = chance.choice(_NUMBERS)
                child.send(chance.choice(_KEYS))
                _spin(chance.random() * _DELAY)
                os.kill(child.pid or 0, number)
                if not _has_effect(child, number):
                    lost[number.name] += 1
        finally:
            child.close(force=True)
    result = ", ".join(f"{times} {name}" for name, times in lost.items())
    return Row("Signals at random microseconds of a plain shell", count, f"{result or 0} lost", "0 lost", not lost)


def interrupts_at_start(*, full: bool) -> Row:
    """Send SIGINT a random time after the start: the program prints no traceback.

    Python itself prints one in the moments before it runs the first line of aloop.
    """
    count = 500 if full else 12
    chance = random.Random(12)
    results: Counter[str] = Counter()
    for _ in range(count):
        results[_interrupt_start(chance.choice((["sessions", "list"], ["--task", "Hi"])), chance.random() * 0.3)] += 1
    wrong = results["wrong"]
    return Row("Ctrl-C at random microseconds of the start", count, f"{wrong} wrong exits", "0 wrong exits", not wrong)


def _interrupt_start(arguments: list[str], seconds: float) -> str:
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [sys.executable, "-c", "from aloop.entry import run; run()", *arguments, "--sessions-dir", folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ALOOP_MODEL": "offline"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        _spin(seconds)
        child.send_signal(signal.SIGINT)
        errors = child.communicate()[1].decode()
    # Before the first line of aloop, the import system of Python can lose an interrupt in a callback.
    is_lost_by_python = "Exception ignored in: <function _get_module_lock" in errors
    if "__main__.py" in errors or ("Exception ignored" in errors and not is_lost_by_python):
        return "wrong"
    if errors:
        return "early"  # Python itself was starting
    return "right" if child.returncode in (0, -signal.SIGINT) else "wrong"


def _spin(seconds: float) -> None:
    """Wait for a time that is shorter than the precision of a sleep."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def _has_effect(child: pexpect.spawn[str], number: signal.Signals) -> bool:
    """Wait for the effect; after a failure, let the child continue."""
    is_shutdown = number in (signal.SIGTERM, signal.SIGHUP)
    effect = f"<{128 + number if is_shutdown else number.name}>"
    for patience in (_PATIENCE, 1):
        with suppress(pexpect.TIMEOUT):
            child.expect_exact(effect, timeout=patience)
            return patience == _PATIENCE
        child.send("\r")
    return False


class _Reporting(Signals):
    def suspend(self) -> None:
        super().suspend()
        _report("SIGTSTP")


def _report(effect: str) -> None:
    os.write(1, f"<{effect}>\n".encode())


async def _main(folder: Path) -> None:
    signals = _Reporting()
    lines = ReadlineLines(signals, folder / "history")
    lines.complete_with(_complete)
    _report("ready")
    for turn in range(sys.maxsize):
        try:
            await lines.read_line("> ")
        except Interrupted:
            _report("SIGINT")
            continue
        except ShutdownRequested as request:
            signals.code = 0
            _report(str(request.code))
            continue
        work = asyncio.ensure_future(_work(lines, asks=turn % 2 == 0))
        with suppress(asyncio.CancelledError), lines.hold_input(), signals.cancelling(work):
            await work
        if work.cancelled():
            code, signals.code = signals.code, 0
            _report(str(code or "SIGINT"))


async def _work(lines: ReadlineLines, *, asks: bool) -> None:
    await asyncio.sleep(_DELAY / 2)
    if asks:
        lines.hold_typed_ahead()
        try:
            await lines.read_answer("allow? ")
        except Interrupted:
            await asyncio.Event().wait()


def _complete(before: str, _width: int) -> tuple[str, list[str]]:
    select.select([], [], [], _DELAY / 2)  # as a slow disk
    return before, ["a row"]


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
