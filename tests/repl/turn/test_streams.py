"""Answers, thinking and output that arrive in pieces."""

from __future__ import annotations

import pytest

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
from repl.output.live import Keep, Live, Tail
from repl.output.screen import Screen
from repl.output.styled import line, to_text
from repl.output.theme import Style
from repl.turn import streams
from repl.turn.running_tools import RunningTools
from repl.turn.streams import CommandOutput
from repl.turn.turn_view import TurnDisplay
from tests.repl.terminal import Terminal

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


async def test_thinking_folds_to_its_time(stage: Stage) -> None:
    for event in (TurnStarted("m"), ThoughtDelta("Let me\nsee."), AnswerDelta("It is **so**."), FINISHED, ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == ["", "Thought for a moment", "", "It is so."]


async def test_thinking_is_shown_dim_while_it_arrives(stage: Stage) -> None:
    stage.display.show(TurnStarted("m"))
    stage.display.show(ThoughtDelta("one\n\ntwo is not"))
    stage.display._thinking._flush()  # like the timer of the frame
    dim = [line((Style.QUIET, f"  {row}")) for row in ("one", "", "two is not")]
    assert stage.live.rows(80, 24, 24).all[:4] == [(), *dim]
    stage.display.show(ENDED)
    assert not stage.live.has_tail


async def test_verbose_shows_the_whole_thinking(stage: Stage) -> None:
    stage.verbosity.verbose = True
    for event in (TurnStarted("m"), ThoughtDelta("one\ntwo"), ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == ["", "Thought for a moment", "  one", "  two"]


async def test_hidden_thinking_shows_in_the_status_only(stage: Stage) -> None:
    stage.verbosity.thinking = False
    stage.live.begin("")
    for event in (TurnStarted("m"), ThoughtDelta("Let me see, for long enough.")):
        stage.display.show(event)
    assert stage.live.status == "thinking · ~7 tokens · Ctrl-C stops"
    stage.display.show(ENDED)
    assert stage.terminal.screen == []


async def test_status_counts_the_tokens_of_the_turn(stage: Stage) -> None:
    stage.live.begin("")
    for event in (TurnStarted("m"), AnswerDelta("x" * 40), FINISHED):
        stage.display.show(event)
    assert stage.live.status == "saving · 300 tokens · Ctrl-C stops"


async def test_verbose_shows_arguments_and_results(stage: Stage) -> None:
    stage.verbosity.verbose = True
    for event in (TurnStarted("m"), ToolStarted(CALL, "a.txt"), RESULT, ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == [
        "",
        "✓ read a.txt  0.1s → one  +1 line",
        "  path: a.txt",
        "  one",
        "  two",
    ]


class Watched(Live):
    """Records each tail."""

    def __init__(self) -> None:
        super().__init__()
        self.tails: list[list[str]] = []

    def set_tail(self, tail: Tail | None, keep: Keep | None = None) -> None:
        super().set_tail(tail, keep)
        self.tails.append(to_text(tail(80, 12)).splitlines() if tail else [])


@pytest.fixture
def live() -> Watched:
    return Watched()


@pytest.fixture
def tools(live: Watched) -> RunningTools:
    tools = RunningTools(Screen(Terminal().output), live)
    tools.start(ToolStarted(CALL, "a.txt"))
    return tools


async def seen(live: Watched, tools: RunningTools, *pieces: str) -> list[str]:
    """Return the live lines below the row of the call after adding ``pieces``."""
    for piece in pieces:
        tools.print(CALL, piece)
    tools._flush()  # like the timer of the frame
    assert live.tails[-1][0] == "● read a.txt"
    return live.tails[-1][1:]


async def test_output_of_a_tool_joins_pieces_into_lines(live: Watched, tools: RunningTools) -> None:
    assert await seen(live, tools, "one\n  tw", "o\n") == ["  one", "    two"]
    assert await seen(live, tools, "three") == ["  one", "    two", "  three"]


async def test_output_of_a_tool_shows_only_its_end(live: Watched, tools: RunningTools) -> None:
    lines = await seen(live, tools, *(f"{number}\n" for number in range(1_000)))
    assert lines == [f"  {number}" for number in range(995, 1_000)]
    tools.expand()
    assert live.tails[-1][1:] == [f"  {number}" for number in range(989, 1_000)]


async def test_output_of_a_tool_shows_the_last_state_of_an_overwritten_line(live: Watched, tools: RunningTools) -> None:
    assert await seen(live, tools, "10 %\r50 %\r", "90 %\r") == ["  90 %"]
    assert await seen(live, tools, "done\r\n") == ["  done"]


async def test_output_of_a_tool_is_drawn_once_per_frame(live: Watched, tools: RunningTools) -> None:
    before = len(live.tails)
    for _ in range(1_000):
        tools.print(CALL, "x\n")
    assert len(live.tails) == before


async def test_output_of_a_tool_shows_escape_codes_as_text(live: Watched, tools: RunningTools) -> None:
    await seen(live, tools, "a\x1b[2Jb\x07")
    assert to_text(live.rows(80, 24, 24).all) == "● read a.txt\n  a^[[2Jb^G\n"


async def test_rows_of_running_tools_disappear_at_their_end(live: Watched, tools: RunningTools) -> None:
    await seen(live, tools, "old\n")
    tools.print(CALL, "late")
    tools.end(CALL)
    assert not live.has_tail
    tools.start(ToolStarted(CALL, "a.txt"))
    assert await seen(live, tools, "new") == ["  new"]


class CommandStage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.live = Live()
        self.output = CommandOutput(Screen(self.terminal.output), self.live)

    @property
    def tail(self) -> list[str]:
        return to_text(self.live.rows(80, 24, 24).all).split("\n")[:-1]


@pytest.fixture
async def command_stage() -> CommandStage:
    return CommandStage()


async def test_command_output_prints_whole_lines_and_shows_the_last_live(command_stage: CommandStage) -> None:
    command_stage.output.add("one\ntw")
    await command_stage.terminal.wait_for("one")
    assert (command_stage.terminal.screen, command_stage.tail) == (["one"], ["tw"])
    command_stage.output.add("o")
    command_stage.output.finish()
    assert (command_stage.terminal.screen, command_stage.live.has_tail) == (["one", "two"], False)


async def test_command_output_without_text_prints_nothing(command_stage: CommandStage) -> None:
    command_stage.output.finish()
    assert command_stage.terminal.screen == []


async def test_command_output_shows_escape_codes_as_text(command_stage: CommandStage) -> None:
    command_stage.output.add("\x1b[2J\x9b\n")
    command_stage.output.finish()
    assert command_stage.terminal.screen == ["^[[2J<U+009B>"]


async def test_command_output_prints_the_last_state_of_an_overwritten_line(command_stage: CommandStage) -> None:
    command_stage.output.add("10%\r20%\r")
    command_stage.output.add("30%\r\nend\r\n")
    command_stage.output.finish()
    assert command_stage.terminal.screen == ["30%", "end"]


async def test_very_long_command_output_prints_its_start_and_end(
    command_stage: CommandStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_LINES", 3)
    monkeypatch.setattr(streams, "_MOST_WAITING", 50)
    for start in range(0, 100, 10):
        command_stage.output.add("".join(f"{number}\n" for number in range(start, start + 10)))
    command_stage.output.add("the end")
    command_stage.output.finish()
    assert command_stage.terminal.scrollback.split("\n") == [
        *("0", "1", "2", "… 78 lines are not shown …"),
        *(str(number) for number in range(81, 100)),
        "the end",
    ]


async def test_very_long_line_of_command_output_is_cut(
    command_stage: CommandStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_CHARACTERS", 5)
    monkeypatch.setattr(streams, "_MOST_WAITING", 5)
    for piece in ("old\rabc", "def", "ghi"):
        command_stage.output.add(piece)
    command_stage.output.finish()
    assert command_stage.terminal.screen == ["abcde…"]
