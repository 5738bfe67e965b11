"""Runs of the command line: in the process of the test, or in another one."""

from __future__ import annotations

import functools
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO
from unittest import mock

from aloop.__main__ import main
from tests.e2e.loaded import exit_code_of, is_forkable, start_on_files

ROOT = Path(__file__).parents[1]


def run(*arguments: str, env: Mapping[str, str] | None = None, piped: str = "") -> tuple[int, str, str]:
    """Run aloop in this process; return its exit code, its output and its errors."""
    with (
        mock.patch.dict(os.environ, env or {}),
        TemporaryFile("w+") if piped else Path(os.devnull).open() as given,
        mock.patch.object(sys, "stdin", given),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        if piped:
            given.write(piped)
            given.seek(0)
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def start(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start aloop in a new process."""
    return subprocess.Popen(
        [sys.executable, "-m", "aloop", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )


class BackgroundRun:
    """A run of aloop in another process, with files for its output."""

    def __init__(self, process: int, wait: Callable[[], int], out: TextIO, err: TextIO) -> None:
        self._process = process
        self._wait = functools.cache(wait)
        self.has_ended = False
        self._out = out
        self._err = err

    def send_signal(self, number: int) -> None:
        os.kill(self._process, number)

    def result(self) -> tuple[int, str, str]:
        """Wait for the end and return the exit code, the output and the errors.

        The code is negative for a signal.
        """
        code = self._wait()
        self.has_ended = True
        self._out.seek(0)
        self._err.seek(0)
        return code, self._out.read(), self._err.read()


@contextmanager
def forked(*arguments: str, env: Mapping[str, str] | None = None, piped: str = "") -> Iterator[BackgroundRun]:
    """Start aloop without a terminal.

    On Linux, it forks from a process that has loaded it. ``piped`` must fit in a pipe. If the test fails before it has
    the result, the run is killed.
    """
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pipe.write(piped)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    with os.fdopen(reader) as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        if is_forkable("aloop", env or {}):
            process = start_on_files((given.fileno(), out.fileno(), err.fileno()), arguments, environment)
            run = BackgroundRun(process, lambda: exit_code_of(process), out, err)
        else:
            command = [sys.executable, "-m", "aloop", *arguments]
            started = subprocess.Popen(command, stdin=given, stdout=out, stderr=err, env=environment)
            run = BackgroundRun(started.pid, lambda: started.wait(120), out, err)
        try:
            yield run
        except BaseException:
            if not run.has_ended:
                run.send_signal(signal.SIGKILL)
            raise
        finally:
            run.result()
