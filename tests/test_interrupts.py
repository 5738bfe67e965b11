"""Ctrl-C at moments at which Python would print a traceback, or lose it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
_IMPORTED = f"try:\n    {_INTERRUPT}\nexcept KeyboardInterrupt:\n    raise SyntaxError\n"
_DROPPED = f"class Dropped:\n    def __del__(self):\n        {_INTERRUPT}\nDropped()\n"


def run(code: str, folder: Path, *, is_ignored: bool = False) -> tuple[int, str]:
    """Return the exit code and the errors of ``code`` after the start of the program."""
    (folder / "interrupting.py").write_text(_IMPORTED)
    done = subprocess.run(
        [sys.executable, "-c", f"import aloop.entry\nfrom aloop.interrupts import *\n{code}\nprint('end')"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"},
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if is_ignored else None,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        _INTERRUPT,
        "import interrupting",
        "raise_on_interrupt()\nimport interrupting",
        f"raise_on_interrupt()\n{_DROPPED}",
        f"raise_on_interrupt()\nexit_on_interrupt()\n{_INTERRUPT}",
        "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)",
    ],
)
def test_interrupt_kills_the_process_without_a_traceback(code: str, tmp_path: Path) -> None:
    assert run(code, tmp_path) == (-signal.SIGINT, "")


def test_interrupt_that_a_thread_cannot_raise_ends_the_process_without_a_traceback(tmp_path: Path) -> None:
    dropped = "class Dropped:\n    def __del__(self):\n        raise KeyboardInterrupt\n"
    thread = "import threading\nthread = threading.Thread(target=Dropped)\nthread.start()\nthread.join()"
    assert run(dropped + thread, tmp_path) == (130, "")


_DAEMON = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"


@pytest.mark.parametrize("threads", ["", _DAEMON], ids=["alone", "beside a thread"])
@pytest.mark.parametrize(("code", "status"), [(130, -signal.SIGINT), (1, 1)])
def test_end_of_the_program_runs_cleanups_and_reports_an_interrupt_as_a_signal(
    tmp_path: Path, threads: str, code: int, status: int
) -> None:
    clean = "import atexit, sys\natexit.register(print, 'cleaned', file=sys.stderr)\n"
    end = f"import aloop.__main__\naloop.__main__.main = lambda: {code}\naloop.__main__.run()"
    assert run(clean + threads + end, tmp_path) == (status, "cleaned\n")


def test_interrupt_of_a_running_command_can_be_caught(tmp_path: Path) -> None:
    code = f"raise_on_interrupt()\ntry:\n    {_INTERRUPT}\nexcept KeyboardInterrupt:\n    raise SystemExit(7)"
    assert run(code, tmp_path) == (7, "")


def test_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    code = f"raise_on_interrupt()\nrestore_interrupts()\n{_INTERRUPT}"
    assert run(code, tmp_path, is_ignored=True) == (0, "")


def test_delayed_interrupt_is_raised_at_the_end_of_the_block(tmp_path: Path) -> None:
    block = f"with DelayedInterrupt():\n        {_INTERRUPT}\n        print('whole', file=sys.stderr)"
    code = f"import sys\nraise_on_interrupt()\ntry:\n    {block}\nexcept KeyboardInterrupt:\n    "
    assert run(f"{code}print('then stopped', file=sys.stderr)", tmp_path) == (0, "whole\nthen stopped\n")


def test_delayed_interrupt_leaves_an_ignored_one_ignored(tmp_path: Path) -> None:
    assert run(f"with DelayedInterrupt():\n    {_INTERRUPT}", tmp_path, is_ignored=True) == (0, "")
