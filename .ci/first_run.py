"""Start the prompt, say hello, quit, and check the saved session.

    python3 .ci/first_run.py COMMAND

This is the first minute of a new user, on a real pseudo-terminal. It uses only the standard library, because nothing is
installed yet.
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

# Escape sequences, which a terminal executes and does not show.
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")


class Terminal:
    """A child process on a pseudo-terminal of 80x24, and its output."""

    def __init__(self, command: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1")
            os.execvp("bash", ["bash", "-c", command])  # noqa: S606, S607 # the command of the README, as a user runs it
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.shown = b""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, pattern: str, seconds: float) -> None:
        """Wait until the output since the last call matches, or exit after ``seconds``."""
        ends_at = time.monotonic() + seconds
        while not re.search(pattern, ESCAPES.sub("", self.shown.decode(errors="replace"))):
            ready, _, _ = select.select([self.fd], [], [], max(0.0, ends_at - time.monotonic()))
            if not ready or not self._read():
                sys.exit(
                    f"\n{pattern!r} did not appear. The output was:\n{self.shown[-4000:].decode(errors='replace')}"
                )
        self.shown = b""

    def press_enter_until_exit(self, seconds: int) -> int:
        """Press Enter once a second, as a turn may be running; return the exit code."""
        for _ in range(seconds):
            self.type("\r")
            ends_at = time.monotonic() + 1
            while select.select([self.fd], [], [], max(0.0, ends_at - time.monotonic()))[0]:
                if not self._read():
                    return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        sys.exit("\nThe program did not exit.")

    def _read(self) -> bytes:
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return b""  # the child has exited: Linux reports an I/O error, macOS an empty read
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
    code = terminal.press_enter_until_exit(ANSWER_SECONDS)
    if code != 0:
        sys.exit(f"\naloop exited with code {code}.")
    (saved,) = Path(".aloop", "sessions").glob("*/session.yaml")
    if not all(part in saved.read_text() for part in ("hello", "role: assistant", "model: local:")):
        sys.exit(f"\n{saved} does not contain the conversation.")
    print(f"\nSaved: {saved}")


if __name__ == "__main__":
    main()
