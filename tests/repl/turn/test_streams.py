"""The output of a running tool, live above the prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.agent.events import (
    AnswerDelta,
    AnswerFinished,
    ThoughtDelta,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult
from commands.context import Verbosity
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import line, to_text
from repl.turn import streams as command_output
from repl.turn.streams import BlockSplitter, CommandOutput, OutputTail
from repl.turn.turn_view import TurnDisplay
from tests.repl.terminal import Terminal


def split(text: str) -> list[str]:
    splitter = BlockSplitter()
    return splitter.feed(text) + splitter.finish()


def test_a_blank_line_ends_a_paragraph() -> None:
    assert split("one\ntwo\n\n\nthree") == ["one\ntwo", "three"]


def test_a_block_comes_out_as_soon_as_it_is_whole_and_not_before() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("one") == []
    assert splitter.feed("\n") == []
    assert splitter.feed("\ntwo") == ["one"]
    assert splitter.tail(5) == ["two"]


def test_a_fence_is_one_block_with_its_blank_lines_and_ends_at_its_closing_fence() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("text\n```python\na\n\nb\n```\n") == ["text", "```python\na\n\nb\n```"]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    text = "````\n```\ninside\n```\n````"
    assert split(text) == [text]


def test_a_fence_that_is_never_closed_is_still_shown() -> None:
    assert split("```\ncode\n\nmore") == ["```\ncode\n\nmore"]


def test_backticks_within_a_line_open_no_fence() -> None:
    assert split("```code``` here\n\nnext") == ["```code``` here", "next"]


def test_a_heading_is_a_block_of_its_own() -> None:
    assert split("# One\ntext\n## Two\nmore") == ["# One", "text", "## Two", "more"]


@pytest.mark.parametrize(
    "text",
    [
        "- one\n\n- two",
        "1. one\n\n2. two\n\n   more of two",
        "Steps:\n1. one\n\n2. two",
        "- a\n  ```\n  code\n\n  ```\n- b",
    ],
)
def test_a_list_with_blank_lines_in_it_stays_whole(text: str) -> None:
    assert split(text) == [text]


def test_a_list_ends_where_something_else_begins() -> None:
    assert split("- one\n- two\n\nafter") == ["- one\n- two", "after"]
    assert split("- one\n\n```\ncode\n```") == ["- one", "```\ncode\n```"]
    assert split("- one\n# Heading") == ["- one", "# Heading"]


def test_a_table_is_one_block() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert split(table + "\n\nafter") == [table, "after"]


def test_line_ends_of_windows_are_line_ends() -> None:
    assert split("one\r\n\r\ntwo") == ["one", "two"]


def test_the_tail_is_the_end_of_the_open_block() -> None:
    splitter = BlockSplitter()
    splitter.feed("```\n1\n2\n3\nun")
    splitter.feed("fin")
    assert splitter.tail(3) == ["2", "3", "unfin"]


LINES = st.sampled_from(
    ["text", "- item", "1. item", "  more", "```", "~~~", "# head", "", "| a |", "> quote", "````py"]
)


@given(st.lists(LINES, max_size=14), st.integers(1, 9))
def test_the_size_of_the_pieces_makes_no_difference(lines: list[str], size: int) -> None:
    text = "\n".join(lines)
    splitter = BlockSplitter()
    blocks = [block for start in range(0, len(text), size) for block in splitter.feed(text[start : start + size])]
    assert blocks + splitter.finish() == split(text)


@given(st.lists(LINES, max_size=14))
def test_no_line_is_lost_or_told_twice(lines: list[str]) -> None:
    told = [line for block in split("\n".join(lines)) for line in block.split("\n") if line.strip()]
    assert told == [line for line in lines if line.strip()]


FINISHED = AnswerFinished(LLMMessage("assistant", "text", usage=Usage(10, 300)))
ENDED = TurnEnded("completed", kept=True, usage=Usage(), seconds=1.0)
CALL = ToolCall("call_1", "read_file", '{"path": "a.txt"}')
RESULT = ToolFinished(CALL, "a.txt", ToolResult("one\ntwo"), 0.1)


class Stage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.live = Live()
        self.verbosity = Verbosity(thinking=True)
        self.display = TurnDisplay(Screen(self.terminal.output), self.live, self.verbosity)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_thinking_is_dim_and_stands_apart_from_the_answer(stage: Stage) -> None:
    for event in (TurnStarted("m"), ThoughtDelta("Let me\nsee."), AnswerDelta("It is **so**."), FINISHED, ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == ["  Let me", "  see.", "", "It is so."]
    assert any("\\x1b[2m  Let me" in repr(written) for written in stage.terminal.writes)


async def test_a_thought_is_seen_while_it_is_thought(stage: Stage) -> None:
    stage.display.show(TurnStarted("m"))
    stage.display.show(ThoughtDelta("one\n\ntwo is not"))
    await stage.terminal.wait_for("one")
    assert stage.live.rows(80, 24, 24)[0] == line("  two is not")
    stage.display.show(ENDED)
    assert stage.terminal.screen == ["  one", "  two is not"]


async def test_thinking_that_is_hidden_shows_in_the_status_only(stage: Stage) -> None:
    stage.verbosity.thinking = False
    stage.live.begin("")
    for event in (TurnStarted("m"), ThoughtDelta("Let me see, for long enough.")):
        stage.display.show(event)
    assert stage.live.status == "thinking · ~7 tokens · Ctrl-C stops"
    stage.display.show(ENDED)
    assert stage.terminal.screen == []


async def test_the_status_counts_the_tokens_of_the_turn(stage: Stage) -> None:
    stage.live.begin("")
    for event in (TurnStarted("m"), AnswerDelta("x" * 40), FINISHED):
        stage.display.show(event)
    assert stage.live.status == "waiting for the answer · 300 tokens · Ctrl-C stops"


async def test_verbose_shows_what_went_in_and_what_came_out(stage: Stage) -> None:
    stage.verbosity.verbose = True
    for event in (TurnStarted("m"), ToolStarted(CALL, "a.txt"), RESULT, ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == ["● read_file a.txt … 0.1s → one …", "  path: a.txt", "  one", "  two"]


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


class CommandStage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.live = Live()
        self.output = CommandOutput(Screen(self.terminal.output), self.live)

    @property
    def tail(self) -> list[str]:
        return to_text(self.live.rows(80, 24, 24)).split("\n")[:-1]


@pytest.fixture
async def command_stage() -> CommandStage:
    return CommandStage()


async def test_whole_lines_are_printed_within_a_frame_and_the_last_one_is_live(command_stage: CommandStage) -> None:
    command_stage.output.add("one\ntw")
    await command_stage.terminal.wait_for("one")
    assert (command_stage.terminal.screen, command_stage.tail) == (["one"], ["tw"])
    command_stage.output.add("o")
    command_stage.output.finish()
    assert (command_stage.terminal.screen, command_stage.live.has_tail) == (["one", "two"], False)


async def test_nothing_is_printed_of_no_output(command_stage: CommandStage) -> None:
    command_stage.output.finish()
    assert command_stage.terminal.screen == []


async def test_codes_are_shown_and_not_obeyed(command_stage: CommandStage) -> None:
    command_stage.output.add("\x1b[2J\x9b\n")
    command_stage.output.finish()
    assert command_stage.terminal.screen == ["^[[2J<U+009B>"]


async def test_of_a_line_that_was_written_over_the_last_state_is_printed(command_stage: CommandStage) -> None:
    command_stage.output.add("10%\r20%\r")
    command_stage.output.add("30%\r\nend\r\n")
    command_stage.output.finish()
    assert command_stage.terminal.screen == ["30%", "end"]


async def test_of_very_much_the_beginning_and_the_end_are_printed(
    command_stage: CommandStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_output, "MOST_LINES", 3)
    monkeypatch.setattr(command_output, "_MOST_WAITING", 50)
    for start in range(0, 100, 10):
        command_stage.output.add("".join(f"{number}\n" for number in range(start, start + 10)))
    command_stage.output.add("the end")
    command_stage.output.finish()
    assert command_stage.terminal.scrollback.split("\n") == [
        *("0", "1", "2", "… 78 lines are not shown …"),
        *(str(number) for number in range(81, 100)),
        "the end",
    ]


async def test_a_line_without_end_shows_its_beginning(
    command_stage: CommandStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_output, "_MOST_CHARACTERS", 5)
    monkeypatch.setattr(command_output, "_MOST_WAITING", 5)
    for piece in ("old\rabc", "def", "ghi"):
        command_stage.output.add(piece)
    command_stage.output.finish()
    assert command_stage.terminal.screen == ["abcde…"]
