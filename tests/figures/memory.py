"""Measure the peak memory and the time of commands on very large sessions.

    python -m tests.figures.memory [--sizes 50 200 1000] [--messages 1000000] [--layouts aloop hand]

Each command runs in its own process, in a project with one session of that size; the limit of ALOOP_MAX_SESSION_MB
is raised for it. A row without it shows that the limit holds. Needs nine times the largest size as memory, and three
times on the disk of the temporary folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from aloop.memory.codec.serialization import dump_session
from tests.memory.examples import ID, session, user
from tests.saved_sessions import ROOT

MEGABYTE = 1_000_000
_HEAD = f'id: {ID}\ncreated_at: "2025-01-31T14:30:00+00:00"\nupdated_at: "2025-01-31T15:45:00+00:00"\n'
_LINE = "The quick brown fox jumps over the lazy dog, and does so again.\n"
_LINES = 160  # of a long message
LAYOUTS = ("aloop", "hand")
COMMANDS = {
    "list": ["sessions", "list"],
    "search": ["sessions", "search", "needle"],
    "show": ["sessions", "show", ID],
    "resume": ["--resume", ID, "--task", "Hello", "--model", "offline"],
}


class Result(NamedTuple):
    """The outcome of a command; seconds are of the processor, the peak is in bytes."""

    code: int
    seconds: float
    peak: int
    last_line: str


def _messages(size: int, count: int, layout: str) -> Iterator[bytes]:
    """Yield ``count`` messages, or as many as ``size`` bytes hold, as text."""
    gap, lines = "  " if layout == "aloop" else "", 0 if count else _LINES
    written = number = 0
    while number < count or written < size:
        role = "assistant" if number % 2 else "user"
        if lines:
            body = f"{gap}- role: {role}\n{gap}  content: |\n" + f"{gap}    {_LINE}" * lines
        else:
            body = f'{gap}- role: {role}\n{gap}  content: "Message {number}."\n'
        text = body.encode()
        written, number = written + len(text), number + 1
        yield text


def write_session(path: Path, size: int, count: int, layout: str) -> int:
    """Write a session file of ``size`` bytes or ``count`` messages; return its size.

    The layout "hand" is that of other programs: no title, the messages first.
    """
    path.parent.mkdir(mode=0o700, parents=True)
    with path.open("wb") as file:
        if layout == "aloop":
            file.write(
                dump_session(
                    replace(session(user("Hi"), system="Be kind."), title="A long talk", model="offline")
                ).partition(b"\nmessages:\n")[0]
            )
        file.write(b"\nmessages:\n")
        file.writelines(_messages(size, count, layout))
        if layout == "aloop":
            file.write(b'  - role: user\n    content: "The needle."\n...\n')
        else:
            file.write(b"- role: user\n  content: The needle.\n" + _HEAD.encode())
    path.chmod(0o600)
    return path.stat().st_size


def run_measured(
    arguments: list[str], project: Path, limit: int | None, module_path: tuple[Path, ...] = (ROOT,)
) -> Result:
    """Run aloop in ``project``, with ``limit`` megabytes for a session file.

    ``module_path`` are the folders with modules that come before the installed ones.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("ALOOP_")}
    env |= {"PYTHONPATH": os.pathsep.join(map(str, module_path)), "NO_COLOR": "1", "HOME": str(project / "home")}
    env |= {f"XDG_{name}_HOME": str(project / "home" / name.lower()) for name in ("STATE", "CONFIG", "DATA", "CACHE")}
    if limit is not None:
        env["ALOOP_MAX_SESSION_MB"] = str(limit)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # the source is compiled once, as in an installation
    output = project / "output.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "aloop", *arguments],
            cwd=project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        _, status, usage = os.wait4(process.pid, 0)
    # Not the time of the clock, which other programs lengthen.
    seconds = usage.ru_utime + usage.ru_stime
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1_024)
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - 2_000))
        rows = [row for row in file.read().decode(errors="replace").splitlines() if row.strip()]
    output.unlink()
    return Result(process.returncode, seconds, peak, rows[-1].strip() if rows else "")


def measure(size: int, count: int, layout: str, commands: list[str]) -> None:
    """Print a row for each command on one session."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        path = project / ".aloop" / "sessions" / f"2025-01-31_{ID[:8]}" / "session.yaml"
        actual = write_session(path, size, count, layout)
        name = f"{count:,} messages" if count else f"{size // MEGABYTE:,} MB"
        for command in commands:
            result = run_measured(COMMANDS[command], project, 1 + actual // MEGABYTE * 2)
            figures = f"{result.seconds:.1f} | {result.peak / MEGABYTE:,.0f} | {result.peak / actual:.1f}"
            print(f"| {name} ({layout}) | {command} | {figures} | {result.code} {result.last_line[:60]} |", flush=True)
        if actual > 256 * MEGABYTE:
            result = run_measured(COMMANDS["show"], project, None)
            figures = f"{result.seconds:.1f} | {result.peak / MEGABYTE:,.0f} | {result.peak / actual:.1f}"
            print(f"| {name} ({layout}) | show, without a raised limit | {figures} | {result.last_line[-60:]} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.figures.memory", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[50, 200, 1_000], help="sizes in megabytes")
    parser.add_argument("--messages", type=int, nargs="*", default=[1_000_000], help="numbers of short messages")
    parser.add_argument("--layouts", nargs="*", default=list(LAYOUTS), choices=LAYOUTS)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    options = parser.parse_args()
    print("| Session (layout) | Command | Seconds | Peak, MB | Peak / size | Exit code, last line |")
    print("|---|---|---:|---:|---:|---|")
    for layout in options.layouts:
        for size in options.sizes:
            measure(size * MEGABYTE, 0, layout, options.commands)
        for count in options.messages:
            measure(0, count, layout, options.commands)


if __name__ == "__main__":
    main()
