"""Tests of the parts of the toolbar, and of which of them fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.config.values import TOOLBAR_PARTS
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, Usage
from commands.builtin import REGISTRY
from commands.context import Context
from repl.input.toolbar import toolbar_line, toolbar_parts
from repl.options import ShellOptions
from repl.output.styled import to_text
from repl.output.theme import Look, Style
from tests.agent.scripted import ScriptedLLM
from tests.commands.conftest import RecordingView

NO_KEY = Settings.from_env({"HOME": "/nowhere"})


def options(toolbar: Sequence[str] = TOOLBAR_PARTS) -> ShellOptions:
    return ShellOptions(NO_KEY._replace(toolbar=toolbar), None, None, None)


def shown(context: Context | None, *, width: int = 200, cost: Cost | None = None, branch: str = "") -> str:
    return to_text([toolbar_line(toolbar_parts(options(), context, cost, branch), width)]).rstrip("\n")


def new_context(window: int | None = None) -> Context:
    llm = ScriptedLLM()
    llm.context_window = window or llm.context_window
    return Context(ReActAgent(llm, tools=[]), RecordingView(), REGISTRY)


async def test_toolbar_shows_model_title_and_messages() -> None:
    assert shown(None) == "offline · new session · 0 messages · asks first"
    context = new_context()
    assert shown(context) == "scripted-1 · new session · 0 messages"
    await context.memory.add_message(LLMMessage("user", "What is\x1b[2J 2+2?"))
    assert shown(context) == "scripted-1 · What is^[[2J 2+2? · 1 message"


@pytest.mark.parametrize(
    ("tokens", "look", "text"),
    [
        (49_000, Style.QUIET, "██░░░░░░ 25% of 200k"),
        (139_000, Style.WARNING, "██████░░ 70% of 200k"),
        (189_000, Style.BAD, "████████ 95% of 200k"),
    ],
)
async def test_toolbar_shows_the_used_share_of_the_window_in_color(tokens: int, look: Look, text: str) -> None:
    context = new_context(200_000)
    await context.memory.add_message(LLMMessage("assistant", "Hi", usage=Usage(tokens, 1_000)))
    meter = toolbar_parts(options(), context)["context"]
    assert to_text([tuple(meter)]) == f"{text}\n"
    assert (meter[0][0], meter[-1][0]) == (look, look)


async def test_estimated_share_of_the_window_is_marked() -> None:
    context = new_context(200_000)
    await context.memory.add_message(LLMMessage("user", "x" * 4_000))
    assert shown(context).endswith("░░░░░░░░ ~1% of 200k")


async def test_toolbar_shows_the_cost_of_the_session_once_it_is_known() -> None:
    context = new_context()
    assert shown(context, cost=Cost(Decimal("1.5"))).endswith("0 messages · $1.50")
    assert shown(context, cost=Cost(Decimal("1.5"), ("x",))).endswith("0 messages · $1.50 + unknown")
    for nothing in (None, Cost(), Cost(unknown_models=("x",))):
        assert shown(context, cost=nothing).endswith("0 messages")


def test_toolbar_shows_what_tools_may_do_without_asking() -> None:
    allowing = options()._replace(allow=("shell", "write"))
    assert to_text([tuple(toolbar_parts(allowing, None)["mode"])]) == "allows file changes, commands\n"


async def test_toolbar_marks_a_mode_other_than_asking_first() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    context.agent.mode = "edits"
    assert shown(context).endswith(" · accept edits")
    context.agent.mode = "plan"
    assert toolbar_parts(options(), context)["mode"] == [(Style.ACCENT, "plan")]


async def test_toolbar_shows_grants_beside_accepted_edits_but_not_beside_a_plan() -> None:
    context = Context(ReActAgent(ScriptedLLM(), allow=("write", "shell")), RecordingView(), REGISTRY)
    context.agent.mode = "edits"
    assert shown(context).endswith(" · accept edits, allows commands")
    context.agent.mode = "plan"
    assert shown(context).endswith(" · plan")


def test_toolbar_has_the_parts_of_the_settings_in_their_order() -> None:
    assert list(toolbar_parts(options(("messages", "model")), None)) == ["messages", "model"]
    assert toolbar_line(toolbar_parts(options(()), None), 80) == ()


async def test_joined_emoji_in_the_title_are_shown_in_parts() -> None:
    context = new_context()
    await context.memory.add_message(LLMMessage("user", "a👨\u200d👩\u200d👧b"))
    assert "a👨👩👧b" in shown(context)


async def test_narrow_screen_cuts_the_title_and_then_drops_parts() -> None:
    context = new_context()
    await context.memory.add_message(LLMMessage("user", "A title of about thirty letters"))
    cost = Cost(Decimal("1.5"))
    rows = {width: shown(context, width=width, cost=cost, branch="main") for width in (80, 60, 40, 20)}
    assert rows == {
        80: "scripted-1 · A title of about thirty letters · 1 message · $1.50 · main",
        60: "scripted-1 · A title of about th… · 1 message · $1.50 · main",
        40: "scripted-1 · A title of… · 1 message",
        20: "scripted-1",
    }
    assert all(len(row) <= width for width, row in rows.items())


async def test_toolbar_counts_the_jobs_that_run(tmp_path: Path) -> None:
    context = new_context()
    jobs = context.agent.jobs
    for command in ("true", "sleep 100"):
        job = await jobs.start(["/bin/sh", "-c"], command, tmp_path, os.environ)
    await jobs.jobs[0].wait(30)
    await context.memory.add_message(LLMMessage("user", "A title of about thirty letters"))
    assert "1 job running" in shown(context)
    assert shown(context, width=50) == "1 job running · scripted-1 · A title of…"
    await jobs.stop(job)
    assert "job" not in shown(context)


async def test_title_has_its_room_before_what_can_be_expected() -> None:
    llm = ScriptedLLM()
    llm.context_window = 200_000
    context = Context(ReActAgent(llm), RecordingView(), REGISTRY)
    await context.memory.add_message(LLMMessage("user", "A title of about thirty letters"))
    rows = {width: shown(context, width=width, branch="main") for width in (100, 94, 84, 70)}
    title, rest = "scripted-1 · A title of about thirty letters · 1 message", "~1% of 200k · main"
    assert rows == {
        100: f"{title} · ░░░░░░░░ {rest} · asks first",
        94: f"{title} · ░░░░░░░░ {rest}",
        84: f"{title} · {rest}",
        70: f"scripted-1 · A title of about thirty… · 1 message · {rest}",
    }
