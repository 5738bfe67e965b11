"""The complete program on a pseudo-terminal, with its output rendered as a screen."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pexpect
import pyte

from repl.output.styled import PLACEHOLDER
from tests.e2e.loaded import LoadedProgram, is_forkable
from tests.repl.terminal import EmulatedScreen

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds to wait for expected output; only a failing test waits this long."""


class Shell:
    """One run of aloop, ended on exit from its context.

    With ``is_loaded``, the process is forked from one that has imported the program, which is what takes longest. Tests
    of the start itself turn it off.
    """

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        columns: int = 80,
        rows: int = 24,
        program: str = "aloop",
        patience: float = PATIENCE,
        is_loaded: bool = True,
    ) -> None:
        self._patience = patience
        self._screen = EmulatedScreen(columns, rows, history=10_000)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        spawn = LoadedProgram if is_loaded and is_forkable(program, env or {}) else pexpect.spawn
        self.process: pexpect.spawn[bytes] = spawn(
            sys.executable,
            ["-m", program, *arguments],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TERM": "xterm-256color",
                "PROMPT_TOOLKIT_NO_CPR": "1",
                **(env or {}),
            },
            dimensions=(rows, columns),
            timeout=patience,
        )
        # pexpect delays each write for programs that turn off echo late. aloop does not need that.
        self.process.delaybeforesend = None

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def send(self, keys: str) -> None:
        """Type ``keys``."""
        self.process.send(keys)

    def send_line(self, text: str) -> None:
        """Type ``text`` and press Enter."""
        self.process.send(text + "\r")

    @property
    def cursor(self) -> tuple[int, int]:
        """The row and the column of the cursor, counted from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    def pause(self, seconds: float) -> None:
        """Press no key for a time, as a user does after a paste that is on the screen."""
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() > end, "the end of the pause")

    def enter_paste(self, is_sent: Callable[[], bool]) -> None:
        """Press Enter after a paste; if the pause was too short for a busy machine, again."""

        def notices() -> int:
            return self.scrollback().count("Pasted text is not sent")

        pause = 1.0
        while not is_sent():
            self.pause(pause)
            before = notices()
            self.send("\r")
            self.wait_until(lambda seen=before: is_sent() or notices() > seen, "an effect of Enter")  # type: ignore[misc]
            pause *= 2

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal. The rendered screen cuts rows and does not rewrap them."""
        self._screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def screen(self) -> str:
        """Return the current screen without trailing spaces."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def scrollback(self) -> str:
        """Return the lines that scrolled off followed by the current screen."""
        gone = ("".join(row[x].data for x in range(self._screen.columns)).rstrip() for row in self._screen.history.top)
        return "\n".join([*gone, self.screen()])

    def wait_for(self, text: str) -> None:
        """Read until ``text`` is on the screen or in the scrollback."""
        self.wait_until(lambda: text in self.scrollback(), f"{text!r} to appear")

    def wait_for_prompt(self) -> None:
        """Read until the shell is idle at an empty prompt."""
        self.wait_until(lambda: self._has_idle_prompt(), "an empty prompt")

    def wait_until(self, holds: Callable[[], bool], what: str, patience: float = 0.0) -> None:
        """Read until ``holds`` returns True, or fail with the last lines of the screen."""
        deadline = time.monotonic() + (patience or self._patience)
        while not holds():
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"waited for {what}; the screen ends with:\n{self._tail()}")

    def wait_for_exit(self) -> int:
        """Read to the end and return the exit code (negative for a signal)."""
        deadline = time.monotonic() + self._patience
        while self._read():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited for exit; the screen ends with:\n{self._tail()}")
        self.process.wait()
        code: int | None = self.process.exitstatus
        return -int(self.process.signalstatus or 0) if code is None else code

    def hang_up(self) -> None:
        """Close the terminal, as closing a window does, and wait for the exit."""
        terminal = self.process.ptyproc  # type: ignore[attr-defined] # the stubs of pexpect leave it out
        terminal.fileobj.close()
        terminal.wait()

    def close(self) -> None:
        """Kill the program if it still runs."""
        try:
            self.process.close(force=True)
        except pexpect.ExceptionPexpect:
            # On a busy machine, the killed program may take longer to exit than pexpect waits.
            self.process.ptyproc.wait()  # type: ignore[attr-defined] # the stubs of pexpect leave it out

    def _read(self) -> bool:
        """Render available output after a short wait. Return False at the end of output."""
        try:
            data = self.process.read_nonblocking(65_536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            # Raised, too, for a program that ended after pexpect looked for output and found none.
            data = self._rest()
            if not data:
                return False
        self.raw += data
        self._stream.feed(data)
        return True

    def _rest(self) -> bytes:
        """Return output that pexpect has left when the program ended."""
        try:
            has_more = select.select([self.process.child_fd], [], [], 0)[0]
            return os.read(self.process.child_fd, 65_536) if has_more else b""
        except (OSError, ValueError):
            return b""  # the end, or closed

    def _has_idle_prompt(self) -> bool:
        # A busy shell shows its activity or the submitted line above the prompt.
        lines = self.screen().splitlines()
        return lines[-3:-2] == [""] and lines[-2] in {">", f"> {PLACEHOLDER}"} and " · " in lines[-1]

    def _tail(self) -> str:
        return "\n".join(self.scrollback().splitlines()[-30:])


def unread(tty: int) -> int:
    """Return the number of bytes that can be read in complete lines."""
    count: int = struct.unpack("i", fcntl.ioctl(tty, termios.FIONREAD, b"\0" * 4))[0]
    return count
