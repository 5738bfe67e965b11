"""What Tab offers where nothing is drawn: a line completed as far as is clear, or rows that tell what it may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aloop.llm import create_llm
from aloop.memory import MemoryManager
from repl.plain.completion import PlainCompleter
from tests.saved_sessions import FIRST, SECOND, save

WIDTH = 60


@pytest.fixture
def offers(sessions_dir: Path) -> Iterator[PlainCompleter]:
    save(sessions_dir, FIRST, says="Which tests are slow?")
    save(sessions_dir, SECOND, day=2, says="漢字 \x1b[2J")
    memory = MemoryManager(create_llm("offline"), sessions_dir=sessions_dir)
    yield PlainCompleter(lambda: memory)
    memory.close()


@pytest.mark.parametrize(
    ("typed", "whole"),
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
def test_what_is_clear_is_completed_without_a_word(offers: PlainCompleter, typed: str, whole: str) -> None:
    Path("notes.txt").touch()
    assert offers.complete(typed, WIDTH) == (whole, [])


def test_what_is_not_clear_is_told_in_rows_that_fit(offers: PlainCompleter) -> None:
    whole, rows = offers.complete("/resume a1b2", WIDTH)
    assert whole == "/resume a1b2"
    assert [row.split()[0] for row in rows] == ["a1b2ffff", "a1b2c3d4"]
    assert rows[0].endswith("4  漢字 ^[[2J")
    assert all(len(row) <= WIDTH for row in offers.complete("/", WIDTH)[1])


def test_words_of_a_title_become_an_id_and_the_row_says_which(offers: PlainCompleter) -> None:
    whole, rows = offers.complete("/resume slow tests", WIDTH)
    assert whole == "/resume a1b2c3d4"
    assert rows[0].endswith("Which tests are slow?")


async def test_it_is_read_anew_each_time_also_where_an_event_loop_stands_still(
    offers: PlainCompleter, sessions_dir: Path
) -> None:
    assert offers.complete("/resume 0b", WIDTH) == ("/resume 0b", [])
    save(sessions_dir, "0badcafe-5678-40ab-8def-1234567890ab")
    assert offers.complete("/resume 0b", WIDTH) == ("/resume 0badcafe", [])
