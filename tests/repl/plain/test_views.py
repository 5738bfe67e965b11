"""Tests of the views that only print."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aloop.agent.events import (
    AnswerDelta,
    AnswerFinished,
    Notice,
    ThoughtDelta,
    ToolFinished,
    TurnEnded,
    TurnStarted,
    Waiting,
)
from aloop.errors import Problem, UsageError
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.permissions import PermissionRequest
from aloop.tools.base import ToolResult
from commands.context import Verbosity
from commands.pages import KeyHelp
from commands.progress import Progress
from repl.plain import views
from repl.plain.line_source import TerminalLines
from repl.plain.signals import Signals
from repl.plain.views import InteractiveView, PlainView

FINISHED = AnswerFinished(LLMMessage("assistant", "text"))
TOOL = ToolFinished(ToolCall("1", "calculator", "{}"), "2+2", ToolResult("4"), 0.1)


class Streams:
    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.view = PlainView(self.out, self.err)


@pytest.fixture
def streams() -> Streams:
    return Streams()


def test_answer_is_written_as_it_streams_and_ends_with_a_line_feed(streams: Streams) -> None:
    streams.view.event(AnswerDelta("Hel"))
    assert streams.out.getvalue() == "Hel"
    streams.view.event(AnswerDelta("lo"))
    streams.view.event(FINISHED)
    assert streams.out.getvalue() == "Hello\n"


def test_answer_with_a_line_feed_gets_no_second_one(streams: Streams) -> None:
    streams.view.event(AnswerDelta("Hello\n"))
    streams.view.event(FINISHED)
    streams.view.event(TurnEnded("completed", kept=True, usage=Usage(), seconds=0.1))
    assert streams.out.getvalue() == "Hello\n"


def test_progress_and_errors_go_to_stderr(streams: Streams) -> None:
    streams.view.event(TOOL)
    streams.view.event(Waiting("loading Toy"))
    streams.view.event(Waiting(""))
    streams.view.event(Notice("Something was fixed."))
    streams.view.error("It failed.")
    assert streams.out.getvalue() == ""
    assert (
        streams.err.getvalue() == "calculate 2+2: 4 (0.1 s)\nLoading Toy …\nSomething was fixed.\nError: It failed.\n"
    )


def test_message_during_an_answer_starts_on_a_new_line(streams: Streams) -> None:
    streams.view.event(AnswerDelta("Half"))
    streams.view.info("Stopped.")
    assert streams.out.getvalue() == "Half\nStopped.\n"


def test_plain_view_writes_no_control_characters(streams: Streams) -> None:
    streams.view.event(AnswerDelta("\x1b[2J"))
    streams.view.error("\x1b[2J")
    assert "\x1b" not in streams.out.getvalue() + streams.err.getvalue()


async def test_edit_without_a_terminal_is_an_error(streams: Streams) -> None:
    assert not await streams.view.edit(Path("session.yaml"), 1)
    assert streams.err.getvalue() == "Error: Cannot open an editor without a terminal.\n"


def test_command_output_is_written_as_it_comes_and_sanitized(streams: Streams) -> None:
    with streams.view.printing("make") as write:
        write("one\n\x1b[2Jtw")
        assert streams.out.getvalue() == "one\n^[[2Jtw"
        write("o")
    assert streams.out.getvalue() == "one\n^[[2Jtwo\n"


async def test_hand_over_without_a_terminal_raises_a_usage_error(streams: Streams, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it needs a terminal"):
        await streams.view.hand_over(["vi"], tmp_path)


ASKING_FINISHED = AnswerFinished(LLMMessage("assistant", "text"))
REQUEST = PermissionRequest(("shell",), "run_shell in here", "make")


class Answers:
    """A source with prepared answers."""

    def __init__(self, *lines: str | None) -> None:
        self._lines = list(lines)
        self.asked: list[str] = []
        self.is_lent = False

    async def read_answer(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return self._lines.pop(0)

    def hold_typed_ahead(self) -> None:
        self.asked.append("hold")

    @contextmanager
    def lend_terminal(self) -> Iterator[None]:
        self.is_lent = True
        yield
        self.is_lent = False


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "21")


def test_answer_is_written_in_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = InteractiveView(Answers())
    view.event(AnswerDelta("one\ntw"))
    assert capsys.readouterr().out == "one\n"
    view.event(AnswerDelta("o"))
    view.event(ASKING_FINISHED)
    assert capsys.readouterr().out == "two\n"


def test_prose_is_wrapped_and_code_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    view = InteractiveView(Answers())
    code = "```\nreturn one + two + three\n```\n"
    view.event(TurnStarted("m"))
    view.event(AnswerDelta(f"one two three four five\n{code}one two three four five"))
    view.event(ASKING_FINISHED)
    prose = "one two three four\nfive\n"
    assert capsys.readouterr().out == prose + code + prose


def test_thoughts_are_wrapped_at_the_current_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = InteractiveView(Answers(), Verbosity(thinking=True))
    monkeypatch.setenv("COLUMNS", "11")
    view.event(ThoughtDelta("one two\nthree four"))
    view.event(ASKING_FINISHED)
    assert capsys.readouterr().err == "  one two\n  three\n  four\n"


async def test_permission_question_is_repeated_until_the_answer_is_valid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = Answers("what?", "y")
    decision = await InteractiveView(lines).ask_permission(REQUEST)
    assert (decision.answer, lines.asked) == ("once", ["hold", "allow? ", "allow? "])
    printed = capsys.readouterr().out
    assert printed.startswith("run in here\n  $ make\nRun this command?\ny yes · ")


async def test_help_about_keys_names_those_of_readline(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    await InteractiveView(Answers()).show(KeyHelp([("Esc Esc", "go back to an earlier message")]))
    printed = capsys.readouterr().out
    assert "Alt-Enter  new line" in printed
    assert "Esc" not in printed


async def test_rows_are_broken_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "31")
    request = PermissionRequest(("shell",), "run_shell in here", "make one two three four five six")
    await InteractiveView(Answers("n not today, as it is Sunday")).ask_permission(request)
    assert all(len(row) <= 30 for row in capsys.readouterr().out.splitlines())


async def test_text_typed_before_a_question_is_held() -> None:
    lines = Answers("n")
    assert not await InteractiveView(lines).confirm("Delete it?")
    assert lines.asked == ["hold", "> "]


@pytest.mark.parametrize(("typed", "is_yes"), [("", False), ("y", True), ("n", False), (None, False)])
async def test_only_a_clear_yes_agrees_and_a_blank_answer_does_not(
    capsys: pytest.CaptureFixture[str], typed: str | None, *, is_yes: bool
) -> None:
    assert await InteractiveView(Answers(typed)).confirm("Go?") is is_yes
    assert "Go? [y/N]\n" in capsys.readouterr().out


async def test_program_gets_the_terminal_and_its_failure_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    view = InteractiveView(Answers())
    assert await view.hand_over(["sh", "-c", "exit 3"], tmp_path) == 3
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    assert await view.edit(tmp_path / "file", 1)
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert not await view.edit(tmp_path / "file", 1)
    assert "Error: Cannot find\nthe editor\n'no-such-editor'.\n" in capsys.readouterr().err


async def test_end_of_input_answers_no() -> None:
    view = InteractiveView(Answers(None, None))
    assert not await view.confirm("Delete it?")
    assert (await view.ask_permission(REQUEST)).answer == "no"


async def test_progress_of_a_long_command_is_said_in_words_and_stops_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(views, "_FIRST_REPORT", 0)
    monkeypatch.setenv("COLUMNS", "80")
    progress = Progress("searching", "sessions")
    view = InteractiveView(TerminalLines(Signals()))
    with view.working(progress):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        monkeypatch.setattr(views, "_LATER_REPORTS", 0)
        assert capsys.readouterr().out == ""
    with view.working(progress):
        progress.update(5_000, 20_000)
        said = ""
        while not said:
            await asyncio.sleep(0)
            said = capsys.readouterr().out
    await asyncio.sleep(0)
    assert said.startswith("Searching: 5,000 of 20,000 sessions, 25%. Ctrl-C stops.\n")
    capsys.readouterr()
    await asyncio.sleep(0)
    assert capsys.readouterr().out == ""


def test_problem_is_named_a_warning(streams: Streams) -> None:
    streams.view.event(Notice(Problem("The disk is full.")))
    streams.view.info(Problem("A skill is not used."))
    assert streams.err.getvalue() == "Warning: The disk is full.\n"
    assert streams.out.getvalue() == "Warning: A skill is not used.\n"
