"""/mode, and plan mode from the question to its approval."""

from __future__ import annotations

import pytest

from aloop.agent.instructions import without_notes
from aloop.config.values import SandboxMode, SandboxSettings
from aloop.sandbox import sandbox
from aloop.sandbox.sandbox import SandboxState
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp

PLAN = "It is simple.\n\n## Plan\n\n1. Do it."


async def test_mode_is_switched_and_shown(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/mode EDITS", stage.context)
    assert stage.context.agent.mode == "edits"
    await dispatch("/mode", stage.context)
    assert "The mode is edits." in str(stage.view.of("info")[-1])
    await dispatch("/mode yolo", stage.context)
    assert stage.view.of("error") == ["Unknown mode 'yolo'. The modes are ask, edits and plan."]


async def test_model_is_told_about_plan_mode_once_and_when_it_ends(bench: SetUp) -> None:
    stage = bench(*(answer("Fine.") for _ in range(4)))
    texts = ["one", "two", "three", "four"]
    for text, mode in zip(texts, ("plan", "plan", "ask", "ask"), strict=True):
        await dispatch(f"/mode {mode}", stage.context)
        await dispatch(text, stage.context)
    sent = [message.content or "" for message in stage.memory.messages if message.role == "user"]
    assert ["[Plan mode is on." in text for text in sent] == [True, False, False, False]
    assert ["[Plan mode is off.]" in text for text in sent] == [False, False, True, False]
    assert [without_notes(text) for text in sent] == texts


def test_text_like_many_notes_is_read_in_steady_time() -> None:
    # Each repetition used to double the time: 60 of them would take longer than the age of the universe.
    block = "\n\n[Project instructions (digest a]\n\n<instructions path=x</instructions>"
    text = "q" + block * 60 + "tail"
    assert without_notes(text) == text


async def test_approved_plan_is_carried_out_outside_of_plan_mode(bench: SetUp) -> None:
    stage = bench(answer(PLAN), answer("Done."))
    await dispatch("/mode plan", stage.context)
    await dispatch("Fix it.", stage.context)
    assert stage.view.of("confirm") == ["Carry out this plan?"]
    assert stage.context.agent.mode == "ask"
    sent = [message.content or "" for message in stage.memory.messages if message.role == "user"]
    assert sent[1] == "Carry out the plan.\n\n[Plan mode is off.]"


@pytest.mark.parametrize(
    "text",
    [
        "Plan: 1. Read a.py. 2. Change it.",
        "It is simple.\n\n**Plan**\n\n1. Do it.",
        "**Plan:**\n1. Do it.",
        "### Implementation plan\n1. Do it.",
        "Here is the plan:\n\n1. Do it.",
        "My **plan**:\n1. Do it.",
    ],
)
async def test_plan_without_the_usual_heading_is_asked_about(bench: SetUp, text: str) -> None:
    stage = bench(answer(text), answer("Done."))
    await dispatch("/mode plan", stage.context)
    await dispatch("Fix it.", stage.context)
    assert stage.view.of("confirm") == ["Carry out this plan?"]


async def test_answer_without_a_plan_explains_once_how_to_leave_plan_mode(bench: SetUp) -> None:
    stage = bench(*(answer("Which file do you plan to use?") for _ in range(4)))
    for mode in ("plan", "plan", "ask", "plan"):
        await dispatch(f"/mode {mode}", stage.context)
        await dispatch("Fix it.", stage.context)
    assert stage.view.of("confirm") == []
    told = [str(text).strip() for text in stage.view.of("info") if "To let the model make changes" in str(text)]
    hint = "Plan mode stays on: nothing is changed. To let the model make changes, run /mode ask."
    assert told == [hint, hint]


async def test_plan_mode_stays_on_without_approval_or_without_a_plan(bench: SetUp) -> None:
    stage = bench(answer("Which file?"), answer(PLAN))
    stage.view.agrees = False
    await dispatch("/mode plan", stage.context)
    await dispatch("Fix it.", stage.context)
    assert stage.view.of("confirm") == []
    await dispatch("a.py", stage.context)
    assert stage.view.of("confirm") == ["Carry out this plan?"]
    assert stage.context.agent.mode == "plan"
    assert stage.memory.message_count == 4


@pytest.mark.parametrize(
    ("mode", "works", "text"),
    [
        ("auto", True, "Commands run in a sandbox (bubblewrap, without network)."),
        ("auto", False, "Commands run without a sandbox: bubblewrap is not installed. Install it."),
        ("require", False, "Commands are refused: bubblewrap is not installed. Install it."),
        ("off", True, "Commands run without a sandbox."),
    ],
)
async def test_mode_shows_the_sandbox(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, mode: SandboxMode, works: bool, text: str
) -> None:
    state = SandboxState(
        works, "bubblewrap, without network" if works else "bubblewrap is not installed", "Install it."
    )
    monkeypatch.setattr(sandbox, "find_state", lambda _folder, _settings: state)
    stage = bench()
    stage.context.agent.sandbox = SandboxSettings(mode)
    await dispatch("/mode", stage.context)
    assert str(stage.view.of("info")[-1]).endswith(text)
