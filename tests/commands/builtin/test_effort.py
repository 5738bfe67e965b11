"""/effort: show and change the effort of the model."""

from __future__ import annotations

import pytest

from commands.dispatch import dispatch
from tests.agent.scripted import ScriptedLLM, answer
from tests.commands.conftest import Bench, SetUp


class ThinkingLLM(ScriptedLLM):
    """A scripted model with three levels, which it knows only after ``learn_limits``."""

    effort: str | None = None
    efforts: tuple[str, ...] | None = None
    levels: tuple[str, ...] | None = ("low", "medium", "high")

    async def learn_limits(self) -> None:
        self.efforts = self.levels


@pytest.fixture
def stage(bench: SetUp) -> Bench:
    stage = bench(answer("One."))
    stage.context.agent.llm = ThinkingLLM(answer("One."))
    return stage


def effort(stage: Bench) -> str | None:
    llm = stage.context.agent.llm
    assert isinstance(llm, ThinkingLLM)
    return llm.effort


async def test_effort_without_a_level_shows_the_current_one_and_the_levels(stage: Bench) -> None:
    await dispatch("/effort", stage.context)
    assert stage.view.of("info") == [
        "The effort is the default of the model.",
        "/effort LEVEL changes it. The levels of scripted-1 are: low, medium, high, default.",
    ]


async def test_effort_level_is_set_and_default_resets_it(stage: Bench) -> None:
    await dispatch("/effort High", stage.context)
    assert effort(stage) == "high"
    assert stage.view.of("info") == ["The effort is now high."]
    await dispatch("/effort default", stage.context)
    assert effort(stage) is None


async def test_unsupported_effort_is_refused_and_the_levels_are_named(stage: Bench) -> None:
    await dispatch("/effort high", stage.context)
    await dispatch("/effort max", stage.context)
    assert stage.view.of("error") == [
        "The model scripted-1 does not support the effort 'max'. Its levels are: low, medium, high, default."
    ]
    assert effort(stage) == "high"


async def test_unknown_levels_are_named_as_such_and_all_are_accepted(
    stage: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThinkingLLM, "levels", None)
    await dispatch("/effort", stage.context)
    assert stage.view.of("info")[1] == (
        "The server does not report which levels scripted-1 supports. "
        "/effort LEVEL tries one of: low, medium, high, xhigh, max, default."
    )
    await dispatch("/effort max", stage.context)
    assert effort(stage) == "max"
    await dispatch("/effort most", stage.context)
    assert stage.view.of("error") == [
        "'most' is not an effort level. The levels are: low, medium, high, xhigh, max, default."
    ]


async def test_model_without_effort_is_reported(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/effort high", stage.context)
    assert stage.view.of("error") == ["The model scripted-1 has no effort setting. /model changes the model."]


async def test_effort_stays_when_the_model_changes(stage: Bench) -> None:
    await dispatch("/effort high", stage.context)
    stage.context.agent.llm = ThinkingLLM()
    assert effort(stage) == "high"
