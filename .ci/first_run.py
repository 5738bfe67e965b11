"""Run a command that ends in aloop's prompt, say hello there, leave, and look at what was saved.

    python3 .ci/first_run.py COMMAND

This is a newcomer's first minute, on a real pseudo-terminal, with the standard library alone: nothing is installed yet.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path

INSTALL_SECONDS = 600
ANSWER_SECONDS = 120

# What a terminal acts on and does not show; a cursor move to the first column begins a line.
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")


class Terminal:
    """A child on a pseudo-terminal of 80x24, and all that it has shown."""

    def __init__(self, command: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1")
            os.execvp("bash", ["bash", "-c", command])  # noqa: S606, S607 # the README's own command, as a person runs it
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.shown = b""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, pattern: str, seconds: float) -> None:
        """Wait until the text shown since the last call matches; fails loudly when it does not in time."""
        ends_at = time.monotonic() + seconds
        while not re.search(pattern, ESCAPES.sub("", self.shown.decode(errors="replace"))):
            ready, _, _ = select.select([self.fd], [], [], max(0.0, ends_at - time.monotonic()))
            if not ready or not self._read():
                sys.exit(f"\n{pattern!r} did not appear; shown was:\n{self.shown[-4000:].decode(errors='replace')}")
        self.shown = b""

    def press_enter_until_the_end(self, seconds: int) -> int:
        """Press Enter once a second (while a turn runs, the line waits) and return the program's exit code."""
        for _ in range(seconds):
            self.type("\r")
            ends_at = time.monotonic() + 1
            while select.select([self.fd], [], [], max(0.0, ends_at - time.monotonic()))[0]:
                if not self._read():
                    return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        sys.exit("\nthe program did not end")

    def _read(self) -> bytes:
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return b""  # Linux reports the end of the child as an I/O error, macOS as an empty read
        self.shown += data
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return data


def main() -> None:
    terminal = Terminal(sys.argv[1])
    terminal.wait_for(r"[\r\n]>[ \r\n]", INSTALL_SECONDS)
    terminal.type("hello\r")
    terminal.wait_for(r"often wrong[\s\S]* 2 messages", ANSWER_SECONDS)
    terminal.type("/exit")
    code = terminal.press_enter_until_the_end(ANSWER_SECONDS)
    if code != 0:
        sys.exit(f"\naloop ended with {code}")
    (saved,) = Path(".aloop", "sessions").glob("*/session.yaml")
    if not all(part in saved.read_text() for part in ("hello", "role: assistant", "model: local:")):
        sys.exit(f"\n{saved} does not hold the conversation")
    print(f"\nSaved: {saved}")


if __name__ == "__main__":
    main()
