from __future__ import annotations

import pytest

from commands.progress import Progress
from repl.output.live import SPIN_SECONDS, Live, tail_of
from repl.output.styled import line, to_text


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(live: Live, width: int = 80, room: int = 24) -> list[str]:
    return to_text(live.rows(width, 24, room).all).split("\n")[:-1]


def test_live_is_empty_before_and_after_a_turn() -> None:
    live = Live()
    assert (live.status, live.has_tail) == ("", False)
    live.begin("waiting")
    live.set_tail(tail_of(["text"]))
    live.end()
    assert (live.status, live.has_tail) == ("", False)


def test_status_shows_the_seconds_of_the_turn() -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("waiting")
    assert live.status == "waiting · Ctrl-C stops"
    clock.now += 3.9
    live.set_status("answering")
    assert live.status == "answering · 3s · Ctrl-C stops"
    clock.now += 120
    assert live.status == "answering · 2m 3s · Ctrl-C stops"


def test_long_tail_shows_its_last_rows() -> None:
    live = Live()
    live.set_tail(tail_of([f"line {number}" for number in range(50)]))
    rows = shown(live)
    assert rows[-1] == "line 49"
    assert len(rows) == Live().tail_rows(24)


@pytest.mark.parametrize(("height", "most"), [(10, 1), (24, 6), (32, 8), (60, 8)])
def test_steps_are_between_text_and_status_and_leave_room(height: int, most: int) -> None:
    live = Live()
    live.begin("working")
    live.set_tail(tail_of([f"line {number}" for number in range(50)]))
    live.set_steps(lambda _width, count: [line(f"step {number}") for number in range(count)])
    rows = [to_text([row]).rstrip() for row in live.rows(40, height, height - 3).all]
    assert rows[-1].endswith("Ctrl-C stops")
    assert rows[-1 - most : -1] == [f"step {number}" for number in range(most)]
    assert rows[-2 - most] == "line 49"
    assert len(rows) == height - 3
    for room in range(4):
        assert len(live.rows(40, height, room).all) <= room
    live.end()
    assert live.rows(40, height, 20).all == []


def test_tail_rows_leave_room_for_the_prompt() -> None:
    assert Live().tail_rows(5) == 3
    assert Live().tail_rows(24) == 20


def test_tail_shows_escape_codes_as_text() -> None:
    live = Live()
    live.set_tail(tail_of(["\x1b[2Jtext"]))
    assert shown(live) == ["^[[2Jtext"]


def test_leave_gap_adds_a_blank_row_above_the_tail() -> None:
    live = Live()
    live.leave_gap = True
    live.set_tail(tail_of(["text"]))
    assert shown(live) == ["", "text"]


def test_long_status_keeps_how_to_stop() -> None:
    live = Live()
    live.begin("● run_shell " + "x" * 40)
    live.tokens = "~1.2k tokens"
    assert live.status_in(60) == "● run_shell " + "x" * 32 + "… · Ctrl-C stops"
    live.end()
    assert live.status_in(60) == ""


def test_stopping_status_stays_and_has_its_time_but_not_how_to_stop() -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("answering")
    live.tokens = "~1.2k tokens"
    live.stop()
    live.set_status("working")
    assert live.status == "stopping"
    clock.now += 3
    assert (live.status_in(60), live.status_in(9)) == ("stopping · 3s", "stopping")
    live.end()
    assert live.status == ""
    live.begin("starting")
    assert live.status == "starting · Ctrl-C stops"


def test_status_that_is_late_and_one_hidden_by_a_question_appear_after_a_moment() -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("starting")
    live.set_status("/resume a1b2", is_late=True)
    assert (live.status, shown(live)) == ("", [])
    clock.now += 0.5
    assert live.status == "/resume a1b2 · Ctrl-C stops"
    with live.hidden():
        clock.now += 9
        assert (live.status, shown(live)) == ("", [])
    assert live.status == ""
    clock.now += 0.5
    assert live.status.startswith("/resume a1b2")


@pytest.mark.parametrize(
    ("width", "status"),
    [
        (80, "searching ████░░░░░░░░░░░░░░ 25% 5,000 of 20,000 sessions · 12s · Ctrl-C stops"),
        (60, "searching ██████░░░░░░░░░░░░░░░░░░ 25% · 12s · Ctrl-C stops"),
        (38, "searching 25% · 12s · Ctrl-C stops"),
        (24, "25% · 12s · Ctrl-C stops"),
        (18, "25% · Ctrl-C stops"),
        (9, "25%"),
    ],
)
def test_progress_in_the_status_takes_the_room_that_there_is(width: int, status: str) -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("")
    progress = Progress("searching", "sessions", clock)
    live.set_status(progress.bar)
    clock.now += 12
    assert live.status_in(width)[:2] == "se"
    progress.update(5_000, 20_000)
    assert live.status_in(width) == status


def test_spinner_turns_with_the_time() -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("waiting")
    frames = []
    for _ in range(10):
        frames += [row[0] for row in shown(live)]
        clock.now += SPIN_SECONDS
    assert len(set(frames)) == 10
    assert shown(live)[0].startswith(f"{frames[0]} waiting · 2s")


def test_status_in_a_narrow_window_has_its_text_rather_than_its_measures() -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("answering")
    live.tokens, clock.now = "~135 tokens", clock.now + 3
    assert live.status_in(60) == "answering · 3s · ~135 tokens · Ctrl-C stops"
    assert live.status_in(38) == "answering · 3s · Ctrl-C stops"
    assert live.status_in(24) == "answering · Ctrl-C stops"
    assert live.status_in(22) == "answer… · Ctrl-C stops"
    assert live.status_in(12) == "answering"
