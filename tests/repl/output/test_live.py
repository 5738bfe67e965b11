from __future__ import annotations

from repl.output.live import Live
from repl.output.styled import to_text


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(live: Live, width: int = 80, room: int = 24) -> list[str]:
    return to_text(live.rows(width, 24, room)).split("\n")[:-1]


def test_nothing_is_shown_before_and_after_a_turn() -> None:
    live = Live()
    assert (live.status, live.has_tail) == ("", False)
    live.begin("waiting")
    live.set_tail(["text"])
    live.end()
    assert (live.status, live.has_tail) == ("", False)


def test_the_status_tells_the_seconds_of_the_turn() -> None:
    clock = Clock()
    live = Live(clock)
    live.begin("waiting")
    assert live.status == "waiting · Ctrl-C stops"
    clock.now += 3.9
    live.set_status("answering")
    assert live.status == "answering · 3s · Ctrl-C stops"


def test_of_a_long_tail_the_newest_rows_are_shown() -> None:
    live = Live()
    live.set_tail([f"line {number}" for number in range(50)])
    rows = shown(live)
    assert rows[-1] == "line 49"
    assert len(rows) == Live.tail_rows(24)


def test_a_small_screen_keeps_room_for_the_prompt() -> None:
    assert Live.tail_rows(10) == 3
    assert Live.tail_rows(100) == 12


def test_a_tail_can_not_bring_codes_along() -> None:
    live = Live()
    live.set_tail(["\x1b[2Jtext"])
    assert shown(live) == ["^[[2Jtext"]


def test_a_gap_parts_the_tail_from_what_is_above() -> None:
    live = Live()
    live.leave_gap = True
    live.set_tail(["text"])
    assert shown(live) == ["", "text"]


def test_a_status_too_long_for_the_screen_keeps_how_to_stop_it() -> None:
    live = Live()
    live.begin("● run_shell " + "x" * 40)
    live.tokens = "~1.2k tokens"
    assert live.status_in(60) == "● run_shell " + "x" * 17 + "… · ~1.2k tokens · Ctrl-C stops"
    live.end()
    assert live.status_in(60) == ""
