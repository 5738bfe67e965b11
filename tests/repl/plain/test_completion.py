"""Tests of Tab completion at the plain prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aloop.llm import create_llm
from aloop.memory import MemoryManager
from commands.builtin import REGISTRY
from commands.context import Context
from commands.registry import Command
from repl.plain.completion import PlainCompleter
from tests.saved_sessions import FIRST, SECOND, save

WIDTH = 60


@pytest.fixture
def completer(sessions_dir: Path) -> Iterator[PlainCompleter]:
    save(sessions_dir, FIRST, says="Which tests are slow?")
    save(sessions_dir, SECOND, day=2, says="漢字 \x1b[2J")
    memory = MemoryManager(create_llm("offline"), sessions_dir=sessions_dir)
    yield PlainCompleter(lambda: memory)
    memory.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("/und", "/undo"),
        ("/resume A1b2c", "/resume a1b2c3d4"),
        ("/resume a1", "/resume a1b2"),
        ("/model off", "/model offline"),
        ("see @no", "see @notes.txt"),
        ("one\nsee @no", "one\nsee @notes.txt"),
        ("!cat no", "!cat notes.txt"),
        ("/nothing", "/nothing"),
        ("/undo", "/undo"),
        ("", ""),
        ("notes", "notes"),
    ],
)
def test_unique_completion_prints_no_rows(completer: PlainCompleter, typed: str, completed: str) -> None:
    Path("notes.txt").touch()
    assert completer.complete(typed, WIDTH) == (completed, [])


def test_ambiguous_completion_prints_rows_that_fit(completer: PlainCompleter) -> None:
    completed, rows = completer.complete("/resume a1b2", WIDTH)
    assert completed == "/resume a1b2"
    assert [row.split()[0] for row in rows] == ["a1b2ffff", "a1b2c3d4"]
    assert rows[0].endswith("4  漢字 ^[[2J")
    assert all(len(row) <= WIDTH for row in completer.complete("/", WIDTH)[1])


def test_words_of_a_title_become_an_id_with_a_row_for_its_session(completer: PlainCompleter) -> None:
    completed, rows = completer.complete("/resume slow tests", WIDTH)
    assert completed == "/resume a1b2c3d4"
    assert rows[0].endswith("Which tests are slow?")


async def test_completion_reads_the_disk_again_inside_a_blocked_event_loop(
    completer: PlainCompleter, sessions_dir: Path
) -> None:
    assert completer.complete("/resume 0b", WIDTH) == ("/resume 0b", [])
    save(sessions_dir, "0badcafe-5678-40ab-8def-1234567890ab")
    assert completer.complete("/resume 0b", WIDTH) == ("/resume 0badcafe", [])


def test_commands_are_read_again_before_their_names_are_completed(sessions_dir: Path) -> None:
    registry = [REGISTRY]

    async def handle(_context: Context, _argument: str) -> None:
        """Do nothing."""

    def read() -> None:
        registry[0] = REGISTRY.with_more([Command("tidy-up", "Tidy up", handle)])

    memory = MemoryManager(create_llm("offline"), sessions_dir=sessions_dir)
    assert PlainCompleter(lambda: memory, lambda: registry[0], read).complete("/tid", WIDTH)[0] == "/tidy-up"
    memory.close()
