"""Saved sessions, as a user could have written them, and functions that use them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from aloop.cli.sessions.actions import run_sessions
from aloop.cli.sessions.command import SessionsAction as Action
from aloop.cli.sessions.command import SessionsOptions
from aloop.memory.sessions_dir.check import Checker
from aloop.memory.sessions_dir.text_check import Finding
from aloop.memory.trust_file import TrustFile

ROOT = Path(__file__).parents[1]

FIRST = "a1b2c3d4-5678-40ab-8def-1234567890ab"
SECOND = "a1b2ffff-5678-40ab-8def-1234567890ab"
THIRD = "0badcafe-5678-40ab-8def-1234567890ab"


def trust(*session_ids: str) -> None:
    """Trust sessions as written by the user, and the system message of ``save``."""
    TrustFile.of_user().remember(written=session_ids, texts=["Be brief."])


def check_all(checker: Checker) -> list[Finding]:
    """Return all findings of a checker."""
    return [finding for found in checker.check_all() for finding in found]


def save(sessions_dir: Path, session_id: str, *, day: int = 1, says: str = "What is 2+2?") -> Path:
    """Write a session last changed on that day of January 2025; return its file."""
    folder = sessions_dir / f"2025-01-{day:02}_{session_id[:8]}"
    folder.mkdir(parents=True)
    trust(session_id)
    path = folder / "session.yaml"
    path.write_text(
        f"""\
id: {session_id}
created_at: "2025-01-01T08:00:00"
updated_at: "2025-01-{day:02}T09:30:00"
system_messages:
  - role: system
    content: Be brief.
messages:
  - role: user
    content: {json.dumps(says)}
  - role: assistant
    content: null
    tool_calls:
      - id: call_1
        type: function
        function:
          name: calculator
          arguments: '{{"expression": "2+2"}}'
  - role: tool
    content: "4"
    tool_call_id: call_1
    name: calculator
  - role: assistant
    content: |
      It is
      4.
    usage:
      input_tokens: 1200
      output_tokens: 34
"""
    )
    return path


def break_session(sessions_dir: Path) -> Path:
    path = save(sessions_dir, THIRD, day=3)
    path.write_text(f'id: {THIRD}\nmessages:\n  - role: "a quote that never ends\n')
    return path


def ask(sessions_dir: Path, action: Action, session_id: str = "", **flags: bool | int) -> int:
    return run_sessions(SessionsOptions(action, sessions_dir, session_id, **flags))  # type: ignore[arg-type] # checked at run time


class Terminal(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def open_elsewhere(sessions_dir: Path, session_id: str) -> Iterator[int]:
    """Hold a session open in another process; yields its process ID."""
    script = (
        "import asyncio, sys\n"
        "from aloop.memory import MemoryManager\n"
        "memory = MemoryManager(sessions_dir=sys.argv[1], hold=True)\n"
        "asyncio.run(memory.resume(sys.argv[2]))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(sessions_dir), session_id]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        yield holder.pid
        holder.stdin.close()
