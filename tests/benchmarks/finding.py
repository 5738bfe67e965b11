"""Time of searching, listing and completing sessions among ten thousand.

``python -m tests.benchmarks.finding`` prints the table; ``--quick`` uses few sessions, to check that it works.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from aloop.llm.message_types import LLMMessage
from aloop.memory import SessionLibrary, SessionTitle
from aloop.memory.codec.serialization import dump_session
from commands.builtin import REGISTRY
from repl.completion.completers import CommandCompleter
from repl.completion.file_and_model_sources import ModelCatalog
from repl.completion.session_source import SessionCatalog, SessionTable
from tests.benchmarks.measure import Row, compare, table
from tests.benchmarks.sample import conversation
from tests.benchmarks.storage import bare_listing

_KEYS = ("", "a", "a1", "t", "th", "the", "the q", "the quick b", "s", "se", "zz", "fox over and", "a b", "0badcafe")
_SYLLABLES = ("lor", "em", "ip", "sum", "dol", "sit", "am", "et", "con", "sec", "te", "tur", "ad", "the", "fo", "qui")


def fill(root: Path, count: int) -> None:
    """Create ``count`` sessions of 20 KB with different titles; 1 in 500 has a needle."""
    chance = random.Random(count)
    templates = [conversation(18_000 + number) for number in range(20)]
    for number in range(count):
        other, template = conversation(number % 977), templates[number % len(templates)]
        words = ("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(8))
        question = LLMMessage("user", " ".join(words) + (" NeedLe" if number % 500 == 7 else ""))
        session = replace(
            template,
            id=other.id[:-6] + f"{number:06x}",
            updated_at=other.updated_at,
            title=question.content or "",
            messages=(question, *template.messages[1:]),
        )
        path = root / f"2026-01-01_{number:08x}" / "session.yaml"
        path.parent.mkdir(parents=True)
        path.write_bytes(dump_session(session))
        # A save leaves the same time in the file system and in the file.
        os.utime(path, (session.updated_at.timestamp(),) * 2)


def bare_reading(root: Path) -> int:
    """Read each session file completely in the simplest way."""
    read = 0
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir():
                with open(f"{entry.path}/session.yaml", "rb") as file:  # noqa: PTH123 - the floor does not build paths
                    read += len(file.read())
    return read


def measure_search(root: Path, name: str, words: str, runs: int) -> Row:
    async def search() -> int:
        return sum([1 async for _ in SessionLibrary(root).search(words)])

    assert asyncio.run(search()) > 0, words
    return compare(
        name, lambda: asyncio.run(search()), "read the same files", lambda: bare_reading(root), bound=2, runs=runs
    )


def measure_first(root: Path, name: str, first: Callable[[], object], runs: int) -> Row:
    return compare(name, first, "scandir + stat + 512 bytes of each", lambda: bare_listing(root), bound=3, runs=runs)


class _Sources:
    """The session sources of completion, loaded as in a shell."""

    def __init__(self, titles: list[SessionTitle]) -> None:
        self._saved = SessionCatalog()
        self._saved.replace(SessionTable(titles))

    def sessions(self) -> SessionCatalog:
        return self._saved

    trash = sessions

    def tags(self) -> tuple[str, ...]:
        return ()


def measure_keys(root: Path, count: int, runs: int) -> Row:
    """Return the row of the slowest key."""
    titles = asyncio.run(SessionLibrary(root).list_titles())
    ids = sorted(title.id for title in titles)
    completer = CommandCompleter(lambda: REGISTRY, _Sources(titles), ModelCatalog(tuple, lambda: None))

    def row(typed: str) -> Row:
        document = Document(f"/resume {typed}")
        return compare(
            f"complete after a key, {count:,} sessions (slowest: {typed!r})",
            lambda: list(completer.get_completions(document, CompleteEvent(text_inserted=True))),
            "bisect of their IDs",
            lambda: bisect_left(ids, typed),
            bound=1,
            runs=runs,
            slack=0.001,
        )

    return max((row(typed) for typed in _KEYS), key=lambda row: row.ours)


def run(*, quick: bool) -> list[Row]:
    """Return all rows; ``quick`` measures few sessions and runs."""
    count, runs = (500, 2) if quick else (10_000, 7)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder) / "sessions"
        fill(root, count)

        async def first_row() -> object:
            return await anext(SessionLibrary(root).iterate_sessions())

        def titles() -> object:
            return SessionTable(asyncio.run(SessionLibrary(root).list_titles()))

        sessions = f"{count:,} sessions of 20 KB"
        return [
            measure_search(root, f"search a word, {sessions}", "needle", runs),
            measure_search(root, f"search three words and a phrase, {sessions}", '"quick brown" needle fox def', runs),
            measure_first(root, f"first row of /history, {count:,} sessions", lambda: asyncio.run(first_row()), runs),
            measure_first(root, f"load completion, {count:,} sessions", titles, runs),
            measure_keys(root, count, runs * 5),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few sessions, few runs")
    print(table(run(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()
