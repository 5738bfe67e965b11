"""Runs of the program that fork from a process that has imported it."""

from __future__ import annotations

import fcntl
import functools
import os
import runpy
import signal
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
from ptyprocess import PtyProcess

from tests.fork_server import ForkServer

if TYPE_CHECKING:
    _Spawn = pexpect.spawn[bytes]
else:
    _Spawn = pexpect.spawn  # generic only in the stubs

_MODULES = (
    "aloop.llm.anthropic.client",
    "aloop.cli.parser",
    "commands.builtin",
    "repl.app",
    "repl.engine",
    "repl.shell",
    "repl.output.renderer",
    "repl.plain.line_shell",
    "tests.e2e.first_turn",
    "tests.e2e.loaded",
)
_AT_START = ("PYTHON", "LC_", "LANG")
"""Variables that an interpreter reads only when it starts."""


def is_forkable(program: str, env: Mapping[str, str]) -> bool:
    """Return True if a run with these changes to the environment may fork.

    Only on Linux: the libraries of macOS do not support work in a forked process.
    """
    return sys.platform == "linux" and program == "aloop" and not any(name.startswith(_AT_START) for name in env)


class LoadedProgram(_Spawn):
    """``python -m aloop`` on a new terminal, without the time to import it."""

    def _spawnpty(
        self, args: Sequence[str | bytes], *, env: dict[str, str], dimensions: tuple[int, int], **_: Any
    ) -> Any:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *dimensions, 0, 0))
        arguments = [os.fsdecode(argument) for argument in args[3:]]  # without python -m aloop
        process = _fork_server().start([theirs], _run_on_terminal, arguments, env, str(Path.cwd()))
        os.close(theirs)
        return _Forked(process, ours)


class _Forked(PtyProcess):  # type: ignore[misc] # no types
    """A process whose parent is the fork server."""

    terminated: bool
    exitstatus: int | None
    signalstatus: int | None

    def isalive(self) -> bool:
        if self.terminated:
            return False
        # At the end of its output, it is about to exit.
        if not (self.flag_eof or _fork_server().has_exited(self.pid)):
            return True
        self.wait()
        return False

    def wait(self) -> int | None:
        if not self.terminated:
            code = _fork_server().exit_code_of(self.pid)
            self.exitstatus, self.signalstatus = (code, None) if code >= 0 else (None, -code)
            self.terminated = True
        return self.exitstatus


def start_on_files(files: Sequence[int], arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Start the program with these standard streams; return its process ID.

    ``exit_code_of`` must be called for it.
    """
    return _fork_server().start(files, _run_on_files, list(arguments), dict(env), str(Path.cwd()))


def exit_code_of(process: int) -> int:
    """Wait for the program to exit; see ``ForkServer.exit_code_of``."""
    return _fork_server().exit_code_of(process)


@functools.cache
def _fork_server() -> ForkServer:
    return ForkServer(*_MODULES)


def _run_on_terminal(terminal: int, arguments: list[str], env: dict[str, str], folder: str) -> None:
    """Run the program as if it was started on ``terminal``."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    _run((terminal, terminal, terminal), arguments, env, folder)


def _run_on_files(given: int, out: int, err: int, arguments: list[str], env: dict[str, str], folder: str) -> None:
    """Run the program with these standard streams."""
    _run((given, out, err), arguments, env, folder)


def _run(files: tuple[int, int, int], arguments: list[str], env: dict[str, str], folder: str) -> None:
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
    os.closerange(3, max(files) + 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        before = getattr(sys, name)
        stream = os.fdopen(descriptor, mode, encoding=before.encoding, errors=before.errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv[1:] = arguments
    runpy.run_module("aloop", run_name="__main__", alter_sys=True)
