"""The output of a running tool, live above the prompt."""

from __future__ import annotations

import pytest

from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import to_text
from repl.turn.streams import OutputTail
from tests.repl.terminal import Terminal


class Watched(Live):
    """Keeps every tail that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.tails: list[list[str]] = []

    def set_tail(self, lines: list[str]) -> None:
        super().set_tail(lines)
        self.tails.append(lines)


@pytest.fixture
def live() -> Watched:
    return Watched()


@pytest.fixture
def tail(live: Watched, monkeypatch: pytest.MonkeyPatch) -> OutputTail:
    return OutputTail(Screen(Terminal().output), live)


async def seen(live: Watched, tail: OutputTail, *pieces: str) -> list[str]:
    """Return what is shown in the next frame after ``pieces``."""
    for piece in pieces:
        tail.add(piece)
    tail._flush()  # as the timer of the frame does
    return live.tails[-1]


async def test_pieces_make_lines(live: Watched, tail: OutputTail) -> None:
    assert await seen(live, tail, "one\ntw", "o\n") == ["one", "two"]
    assert await seen(live, tail, "three") == ["one", "two", "three"]


async def test_only_the_end_is_shown(live: Watched, tail: OutputTail) -> None:
    lines = await seen(live, tail, *(f"{number}\n" for number in range(1_000)))
    assert lines == [str(number) for number in range(1_000 - len(lines), 1_000)]
    assert 3 <= len(lines) <= 12


async def test_of_a_line_that_is_written_over_the_newest_text_counts(live: Watched, tail: OutputTail) -> None:
    assert await seen(live, tail, "10 %\r50 %\r", "90 %\r") == ["90 %"]
    assert await seen(live, tail, "done\r\n") == ["done"]


async def test_it_is_drawn_once_a_frame_however_many_pieces_come(live: Watched, tail: OutputTail) -> None:
    for _ in range(1_000):
        tail.add("x\n")
    assert live.tails == []


async def test_what_a_terminal_would_act_on_is_made_visible(live: Watched, tail: OutputTail) -> None:
    await seen(live, tail, "a\x1b[2Jb\x07")
    assert to_text(live.rows(80, 24, 24)) == "a^[[2Jb^G\n"


async def test_cleared_it_shows_nothing_of_what_was(live: Watched, tail: OutputTail) -> None:
    await seen(live, tail, "old\n")
    tail.add("late")
    tail.clear()
    assert not live.has_tail
    assert await seen(live, tail, "new") == ["new"]
