"""Try the file tools while another process swaps a folder for a link.

Run ``python -m tests.reliability.swaps --full`` for 100,000 tries of each tool; it prints the number of escapes. The
tests run a few thousand tries.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aloop.errors import ToolError
from aloop.tools.files.read import ListFiles, ReadFile
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace
from aloop.tools.files.write import WriteFile

QUICK, FULL = 2_000, 100_000

# Exchanges both names in one system call (RENAME_EXCHANGE), so that one of them always leads out. Linux only.
_SWAP = """
import ctypes, os
exchange, parent = ctypes.CDLL(None).renameat2, os.getppid()
while os.getppid() == parent:
    exchange(-100, b"sub", -100, b"link", 2)
"""

INSIDE, OUTSIDE = "kept inside", "kept outside"


@contextmanager
def swapping(base: Path) -> Iterator[Workspace]:
    """Yield a workspace in which a child process swaps ``sub`` for a link out."""
    work, outside = base / "work", base / "outside"
    for folder, text in ((work / "sub" / "deep", INSIDE), (outside / "deep", OUTSIDE)):
        folder.mkdir(parents=True)
        (folder / "note.txt").write_text(text)
        (folder / f"{text.split()[1]}.txt").touch()
    (work / "link").symlink_to(outside)
    child = subprocess.Popen([sys.executable, "-c", _SWAP], cwd=work)
    try:
        yield Workspace(work)
    finally:
        child.kill()
        child.wait()


async def _read(workspace: Workspace, _number: int) -> bool:
    return OUTSIDE in (await ReadFile(workspace).run({"path": "sub/deep/note.txt"})).text


async def _list(workspace: Workspace, _number: int) -> bool:
    return "outside.txt" in (await ListFiles(workspace).run({"path": "sub/deep", "pattern": "**"})).text


async def _search(workspace: Workspace, _number: int) -> bool:
    return OUTSIDE in (await SearchFiles(workspace).run({"pattern": "kept", "path": "sub"})).text


async def _write(workspace: Workspace, number: int) -> bool:
    name = f"new{number % 50}/note.txt"
    outside = workspace.root.parent / "outside" / "deep" / name
    try:
        await WriteFile(workspace).run({"path": f"sub/deep/{name}", "content": f"{number}\n"})
    except ToolError:
        if not outside.parent.exists():
            raise
    return outside.parent.exists()


ATTEMPTS: dict[str, Callable[[Workspace, int], Awaitable[bool]]] = {
    "read_file": _read,
    "list_files": _list,
    "search_files": _search,
    "write_file": _write,
}


def count_escapes(tool: str, base: Path, tries: int) -> tuple[int, int]:
    """Return how many of ``tries`` succeeded, and how many of them left the workspace."""

    async def attempt_all(workspace: Workspace) -> tuple[int, int]:
        succeeded = escaped = 0
        for number in range(tries):
            try:
                escaped += await ATTEMPTS[tool](workspace, number)
                succeeded += 1
            except ToolError:
                continue
        return succeeded, escaped

    with swapping(base) as workspace:
        return asyncio.run(attempt_all(workspace))


def main() -> int:
    """Print a row for each tool; return 1 if any call left the workspace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} tries instead of {QUICK:,}")
    parser.add_argument("--tries", type=int, help="this many tries of each tool")
    parser.add_argument("tools", nargs="*", default=list(ATTEMPTS))
    options = parser.parse_args()
    failed = 0
    tries = options.tries or (FULL if options.full else QUICK)
    for tool in options.tools:
        with tempfile.TemporaryDirectory() as folder:
            succeeded, escaped = count_escapes(tool, Path(folder).resolve(), tries)
        print(f"{tool}: {tries:,} tries, {succeeded:,} succeeded, {escaped:,} escaped", flush=True)
        failed |= escaped > 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
