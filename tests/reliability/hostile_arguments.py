"""Call the tools with hostile arguments, and measure the slowest call and pause.

Run ``python -m tests.reliability.hostile_arguments --full`` for 200,000 calls; it prints a row for each tool. While the
event loop pauses, Ctrl-C waits. Paths outside the working directory are refused: a walk through all files takes longer,
and Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aloop.llm.message_types import ToolCall
from aloop.tools.approval import PermissionGate
from aloop.tools.base import Tool
from aloop.tools.calculator import Calculator
from aloop.tools.files.read import ListFiles, ReadFile
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace
from aloop.tools.files.write import EditFile, WriteFile
from aloop.tools.runner import ToolRunner

QUICK, FULL = 600, 200_000
_REPORTED = 2_000
MOST_SECONDS = 2.0
SEARCH_SECONDS = 1.0  # the time limit of search_files in these runs
_TICK = 0.005

_PIECES = [*"[]{}*?a\n\t ()^9-%!e/~\0", "\r\n", "{a,", "**/", "ab", "(a+)+$", "1,", "factorial(", "9**", "../", "x\n"]
_PIECES += ["\u0300", "\u200d", "\u2800", "\u201c", "\ud800"]
_COUNTS = [0, 1, 2, 3, 10, 50, 300, 1_000, 5_000]
_LARGE = [100_000, 400_000]
_ODD: list[object] = [None, True, -1, 0, 10**400, 1e308, [], [[[[[]]]]] * 50, {"a": {}}, 3.5]
_FILES = {"letters.txt": "a" * 100_000, "blank.txt": "\n" * 400_000, "code.py": "def f():\n    return 1\n" * 2_000}


@dataclass(slots=True)
class Slowest:
    """The longest times in seconds, and the arguments of the slowest call.

    ``call`` is processor time, which other processes cannot lengthen.
    """

    call: float = 0.0
    pause: float = 0.0
    arguments: str = ""

    def merged(self, other: Slowest) -> Slowest:
        """Return the longest times of both."""
        slower = max(self, other, key=lambda one: one.call)
        return Slowest(slower.call, max(self.pause, other.pause), slower.arguments)


def hostile_text(chance: random.Random) -> str:
    """Return a text of a few pieces, each often repeated."""
    counts = _LARGE if chance.random() < 0.02 else _COUNTS
    return "".join(chance.choice(_PIECES) * chance.choice(counts) for _ in range(chance.randint(1, 3)))


def hostile_arguments(tool: Tool, chance: random.Random) -> str:
    """Return arguments for ``tool``, most of which fit its schema."""
    arguments: dict[str, object] = {}
    for name, schema in tool.parameters["properties"].items():
        if name == "path" and chance.random() < 0.9:
            arguments[name] = chance.choice([*_FILES, "new.txt", "."])
        elif chance.random() < 0.03:
            arguments[name] = chance.choice(_ODD)
        elif schema["type"] == "string":
            arguments[name] = hostile_text(chance)
        elif name in tool.parameters.get("required", ()) or chance.random() < 0.5:
            arguments[name] = (
                chance.choice([True, False]) if schema["type"] == "boolean" else chance.choice([1, 2, 10**9])
            )
    text = json.dumps(arguments)
    return text if chance.random() > 0.02 else text[: chance.randrange(len(text) + 1)]


def all_tools(root: Path) -> list[Tool]:
    """Return the tools that run no command."""
    workspace = Workspace(root)
    files = (ReadFile(workspace), ListFiles(workspace), WriteFile(workspace), EditFile(workspace))
    return [Calculator(), *files, SearchFiles(workspace, seconds=SEARCH_SECONDS)]


async def _measure_pauses(slowest: Slowest) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(_TICK)
        slowest.pause = max(slowest.pause, time.monotonic() - began - _TICK)


async def attempt(tool: Tool, tries: int, chance: random.Random, root: Path) -> Slowest:
    """Call ``tool`` with hostile arguments."""
    slowest = Slowest()
    runner = ToolRunner([tool], PermissionGate(["write"]))
    measuring = asyncio.ensure_future(_measure_pauses(slowest))
    for number in range(tries):
        if number % 20 == 0:
            for name, text in _FILES.items():
                (root / name).write_text(text)
        arguments = hostile_arguments(tool, chance)
        began = time.process_time()
        await runner.run(ToolCall("1", tool.name, arguments))
        if (seconds := time.process_time() - began) > slowest.call:
            slowest.call, slowest.arguments = seconds, arguments
    measuring.cancel()
    with suppress(asyncio.CancelledError):
        await measuring
    return slowest


def main() -> int:
    """Print a row for each tool; return 1 if a call or a pause takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} calls instead of {QUICK:,}")
    parser.add_argument("--tries", type=int, help="calls of all tools together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("tools", nargs="*", help="only these tools")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        tools = [tool for tool in all_tools(root) if not options.tools or tool.name in options.tools]
        tries = (options.tries or (FULL if options.full else QUICK)) // len(tools)
        for tool in tools:
            chance, slowest = random.Random(options.seed), Slowest()
            limit = MOST_SECONDS + (SEARCH_SECONDS if tool.name == "search_files" else 0)
            for done in range(0, tries, _REPORTED):
                now = min(_REPORTED, tries - done)
                slowest = slowest.merged(asyncio.run(attempt(tool, now, chance, root)))
                times = f"slowest call {slowest.call:.2f} s, longest pause {slowest.pause:.2f} s"
                print(f"{tool.name}: {done + now:,} calls, {times}", flush=True)
            failed |= slowest.call > limit or slowest.pause > MOST_SECONDS
            if slowest.call > limit:
                print(f"  {slowest.arguments[:300]!r}")
        # write_file may have made many nested folders, too many for shutil.
        subprocess.run(["rm", "-rf", *root.iterdir()], check=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
