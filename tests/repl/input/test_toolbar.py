"""Tests of the toolbar text."""

from __future__ import annotations

from decimal import Decimal

from aloop.agent import ReActAgent
from aloop.config import Settings
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, Usage
from commands.builtin import REGISTRY
from commands.context import Context
from repl.input.toolbar import toolbar_text
from repl.options import ShellOptions
from tests.agent.scripted import ScriptedLLM
from tests.commands.conftest import RecordingView

NO_KEY = Settings.from_env({"HOME": "/nowhere"})


async def test_toolbar_shows_model_session_and_messages() -> None:
    options = ShellOptions(NO_KEY, None, None, None)
    assert toolbar_text(options, None) == "offline · new session · 0 messages"
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    assert toolbar_text(options, context) == "scripted-1 · new session · 0 messages"
    await context.memory.add_message(LLMMessage("user", "Hi"))
    assert toolbar_text(options, context) == f"scripted-1 · {context.memory.session_id[:8]} · 1 message"


async def test_toolbar_shows_the_used_share_of_the_window() -> None:
    options = ShellOptions(NO_KEY, None, None, None)
    llm = ScriptedLLM()
    llm.context_window = 200_000
    context = Context(ReActAgent(llm, tools=[]), RecordingView(), REGISTRY)
    await context.memory.add_message(LLMMessage("user", "x" * 4_000))
    assert toolbar_text(options, context).endswith("1 message · ~1.0k of 200k tokens (1%)")
    await context.memory.add_message(LLMMessage("assistant", "Hi", usage=Usage(49_000, 1_000)))
    assert toolbar_text(options, context).endswith("2 messages · 50k of 200k tokens (25%)")


async def test_toolbar_shows_the_cost_of_the_session_once_it_is_known() -> None:
    options = ShellOptions(NO_KEY, None, None, None)
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    assert toolbar_text(options, context, Cost(Decimal("1.5"))).endswith("0 messages · $1.50")
    assert toolbar_text(options, context, Cost(Decimal("1.5"), ("x",))).endswith("0 messages · $1.50 + unknown")
    for nothing in (None, Cost(), Cost(unknown_models=("x",))):
        assert toolbar_text(options, context, nothing).endswith("0 messages")


async def test_toolbar_shows_a_mode_other_than_asking_first() -> None:
    options = ShellOptions(NO_KEY, None, None, None)
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    context.agent.mode = "edits"
    assert toolbar_text(options, context).startswith("accept edits · scripted-1 · ")
    context.agent.mode = "plan"
    assert toolbar_text(options, context).startswith("plan · scripted-1 · ")
