"""Measure the language server on a large session.

    python -m tests.figures.language_server [--size MB]

The text is typed into while another session is open: the times of that one show whether the large one holds it up.
Times include the scripted editor, which reads the answers as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aloop.memory.codec.serialization import dump_session
from aloop.memory.sessions_dir.text_check import check_text
from tests.benchmarks.sample import conversation
from tests.lsp.editor import Editor, Json, connected
from tests.lsp.sessions import CHAT, write

MEGABYTE = 1_000_000
KEYS, BETWEEN_KEYS = 40, 0.06


async def timed(work: Awaitable[Any]) -> tuple[float, Any]:
    """Return the seconds that ``work`` takes, and its result."""
    start = time.perf_counter()
    result = await work
    return time.perf_counter() - start, result


async def latencies(editor: Editor, uri: str, is_over: Callable[[], bool], pause: float) -> list[float]:
    """Ask for a hover in another session until ``is_over``; return the milliseconds."""
    found = []
    while not is_over():
        seconds, _ = await timed(editor.at(uri, "hover", 8))
        found.append(1_000 * seconds)
        await asyncio.sleep(pause)
    return found


def insertion(line: int) -> Json:
    place = {"line": line, "character": 6}
    return {"range": {"start": place, "end": place}, "text": "x"}


def summary(found: list[float]) -> str:
    ordered = sorted(found)
    late = ordered[len(ordered) * 95 // 100]
    return f"median {statistics.median(found):.0f} ms, 95 %: {late:.0f} ms, most {ordered[-1]:.0f} ms"


async def measure(size: int, folder: Path) -> None:
    data = dump_session(conversation(size * MEGABYTE))
    text = data.decode()
    start = time.perf_counter()
    check_text(data, Path("session.yaml"))
    seconds = time.perf_counter() - start
    print(f"floor: aloop sessions check of the text: {seconds:.2f} s for {len(data) / MEGABYTE:.1f} MB")
    sessions_dir = folder / ".aloop" / "sessions"
    large, small = write(sessions_dir, text, "large"), write(sessions_dir, CHAT, "small")
    line = text[: text.index("content: |", len(text) // 2)].count("\n") + 1
    async with connected() as editor:
        other = editor.open(small)
        await editor.diagnostics(other)
        uri = editor.open(large)
        print(f"open until its problems are shown: {(await timed(editor.diagnostics(uri)))[0]:.2f} s")
        for feature in ("foldingRange", "documentSymbol"):
            print(f"{feature}: {(await timed(editor.about(uri, feature)))[0]:.2f} s")
        print(f"hover: {1_000 * (await timed(editor.at(uri, 'hover', line)))[0]:.0f} ms")
        seconds, offered = await timed(editor.actions(uri, line))
        print(f"list of actions: {1_000 * seconds:.0f} ms")
        print(f"edit of an action: {(await timed(editor.request('codeAction/resolve', offered[0])))[0]:.2f} s")
        keys = iter(range(KEYS))

        def type_key() -> bool:
            editor.change(uri, insertion(line))
            return next(keys, None) is None

        print(f"other session while keys are typed: {summary(await latencies(editor, other, type_key, BETWEEN_KEYS))}")
        checking = asyncio.ensure_future(timed(editor.diagnostics(uri)))
        found = await latencies(editor, other, checking.done, 0.02)
        print(f"last key until problems are shown: {(await checking)[0]:.2f} s")
        print(f"other session during that: {summary(found)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10, metavar="MB")
    size: int = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        asyncio.run(measure(size, Path(folder)))


if __name__ == "__main__":
    main()
