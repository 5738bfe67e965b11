"""The plain prompt: whole lines out, questions put and answered, nothing drawn over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aloop.agent.events import AnswerDelta, AnswerFinished, ThoughtDelta, TurnStarted
from aloop.llm.message_types import LLMMessage
from aloop.permissions import Request
from commands.context import Detail
from repl.plain.views import AskingView

FINISHED = AnswerFinished(LLMMessage("assistant", "text"))
REQUEST = Request(("shell",), "run_shell in here", "make")


class Answers:
    """Lines that somebody has ready."""

    def __init__(self, *lines: str | None) -> None:
        self._lines = list(lines)
        self.asked: list[str] = []
        self.is_lent = False

    async def answer(self, lead: str) -> str | None:
        self.asked.append(lead)
        return self._lines.pop(0)

    def set_aside(self) -> None:
        self.asked.append("aside")

    @contextmanager
    def lent(self) -> Iterator[None]:
        self.is_lent = True
        yield
        self.is_lent = False


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "21")


def test_an_answer_is_written_by_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = AskingView(Answers())
    view.event(AnswerDelta("one\ntw"))
    assert capsys.readouterr().out == "one\n"
    view.event(AnswerDelta("o"))
    view.event(FINISHED)
    assert capsys.readouterr().out == "two\n"


def test_prose_breaks_between_words_and_code_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    view = AskingView(Answers())
    code = "```\nreturn one + two + three\n```\n"
    view.event(TurnStarted("m"))
    view.event(AnswerDelta(f"one two three four five\n{code}one two three four five"))
    view.event(FINISHED)
    prose = "one two three four\nfive\n"
    assert capsys.readouterr().out == prose + code + prose


def test_thoughts_break_between_words_at_the_width_that_the_terminal_has_by_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = AskingView(Answers(), Detail(thinking=True))
    monkeypatch.setenv("COLUMNS", "11")
    view.event(ThoughtDelta("one two\nthree four"))
    view.event(FINISHED)
    assert capsys.readouterr().err == "  one two\n  three\n  four\n"


async def test_a_question_is_put_until_the_answer_is_clear(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Answers("what?", "y")
    decision = await AskingView(lines).consent(REQUEST)
    assert (decision.answer, lines.asked) == ("once", ["aside", "allow? ", "allow? "])
    assert "$ make" in capsys.readouterr().out


async def test_what_was_typed_before_a_question_is_set_aside() -> None:
    lines = Answers("n")
    assert not await AskingView(lines).confirm("Delete it?")
    assert lines.asked == ["aside", "> "]


async def test_a_program_gets_the_terminal_and_its_failure_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    view = AskingView(Answers())
    assert await view.hand_over(["sh", "-c", "exit 3"], tmp_path) == 3
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    assert await view.edit(tmp_path / "file", 1)
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert not await view.edit(tmp_path / "file", 1)
    assert "There is no editor" in capsys.readouterr().err


async def test_the_end_of_the_lines_is_a_no() -> None:
    view = AskingView(Answers(None, None))
    assert not await view.confirm("Delete it?")
    assert (await view.consent(REQUEST)).answer == "no"
