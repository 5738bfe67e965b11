from __future__ import annotations

import pytest

from commands.dispatch import dispatch
from commands.registry import Next, Outcome
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp


async def test_text_goes_to_the_model(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    assert await dispatch("Hi", stage.context) == Outcome()
    assert [message.content for message in stage.memory.messages] == ["Hi", "Hello."]


async def test_a_blank_line_does_nothing(bench: SetUp) -> None:
    stage = bench()
    assert await dispatch("  ", stage.context) == Outcome()
    assert stage.view.shown == []


async def test_an_unknown_command_is_answered_with_a_suggestion_and_nothing_else_happens(bench: SetUp) -> None:
    stage = bench()
    assert await dispatch("/resum a1b2", stage.context) == Outcome()
    [(kind, text)] = stage.view.shown
    assert kind == "error"
    assert "Did you mean /resume?" in str(text)
    assert "put a space before it" in str(text)
    assert stage.llm.requests == []


async def test_a_command_that_resembles_nothing_points_to_help(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/zzzzz", stage.context)
    assert "/help lists the commands" in str(stage.view.of("error")[0])


@pytest.mark.parametrize("line", ["/clear now", "/exit please", "/stats a1b2"])
async def test_a_word_too_many_stops_a_command_that_takes_none(bench: SetUp, line: str) -> None:
    stage = bench()
    assert (await dispatch(line, stage.context)).next is Next.READ
    assert "takes nothing after it" in str(stage.view.of("error")[0])


async def test_an_error_of_a_command_becomes_a_line(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/resume ffffffff", stage.context)
    assert stage.view.of("error") == ["No session matches 'ffffffff'."]
