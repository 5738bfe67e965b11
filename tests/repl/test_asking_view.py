"""The plain prompt: whole lines out, questions put and answered, nothing drawn over."""

from __future__ import annotations

import pytest

from aloop.agent.events import AnswerDelta, AnswerFinished, TurnStarted
from aloop.consent import Request
from aloop.llm.message_types import LLMMessage
from repl.asking_view import AskingView

FINISHED = AnswerFinished(LLMMessage("assistant", "text"))
REQUEST = Request(("shell",), "run_shell in here", "make")


class Answers:
    """Lines that somebody has ready."""

    def __init__(self, *lines: str | None) -> None:
        self._lines = list(lines)
        self.asked: list[str] = []

    async def next(self, lead: str) -> str | None:
        self.asked.append(lead)
        return self._lines.pop(0)

    def remember(self, line: str) -> None:
        """Nothing is asked for again."""


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


async def test_a_question_is_put_until_the_answer_is_clear(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Answers("what?", "y")
    decision = await AskingView(lines).consent(REQUEST)
    assert (decision.answer, lines.asked) == ("once", ["allow? ", "allow? "])
    assert "$ make" in capsys.readouterr().out


async def test_the_end_of_the_lines_is_a_no() -> None:
    view = AskingView(Answers(None, None))
    assert not await view.confirm("Delete it?")
    assert (await view.consent(REQUEST)).answer == "no"
