from __future__ import annotations

import pytest

from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import to_text
from repl.turn import streams as command_output
from repl.turn.streams import CommandOutput
from tests.repl.terminal import Terminal


class Stage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.live = Live()
        self.output = CommandOutput(Screen(self.terminal.output), self.live)

    @property
    def tail(self) -> list[str]:
        return to_text(self.live.rows(80, 24, 24)).split("\n")[:-1]


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_whole_lines_are_printed_within_a_frame_and_the_last_one_is_live(stage: Stage) -> None:
    stage.output.add("one\ntw")
    await stage.terminal.wait_for("one")
    assert (stage.terminal.screen, stage.tail) == (["one"], ["tw"])
    stage.output.add("o")
    stage.output.finish()
    assert (stage.terminal.screen, stage.live.has_tail) == (["one", "two"], False)


async def test_nothing_is_printed_of_no_output(stage: Stage) -> None:
    stage.output.finish()
    assert stage.terminal.screen == []


async def test_codes_are_shown_and_not_obeyed(stage: Stage) -> None:
    stage.output.add("\x1b[2J\x9b\n")
    stage.output.finish()
    assert stage.terminal.screen == ["^[[2J<U+009B>"]


async def test_of_a_line_that_was_written_over_the_last_state_is_printed(stage: Stage) -> None:
    stage.output.add("10%\r20%\r")
    stage.output.add("30%\r\nend\r\n")
    stage.output.finish()
    assert stage.terminal.screen == ["30%", "end"]


async def test_of_very_much_the_beginning_and_the_end_are_printed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_output, "MOST_LINES", 3)
    monkeypatch.setattr(command_output, "_MOST_WAITING", 50)
    for start in range(0, 100, 10):
        stage.output.add("".join(f"{number}\n" for number in range(start, start + 10)))
    stage.output.add("the end")
    stage.output.finish()
    assert stage.terminal.scrollback.split("\n") == [
        *("0", "1", "2", "… 78 lines are not shown …"),
        *(str(number) for number in range(81, 100)),
        "the end",
    ]


async def test_a_line_without_end_shows_its_beginning(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_output, "_MOST_CHARACTERS", 5)
    monkeypatch.setattr(command_output, "_MOST_WAITING", 5)
    for piece in ("old\rabc", "def", "ghi"):
        stage.output.add(piece)
    stage.output.finish()
    assert stage.terminal.screen == ["abcde…"]
