"""The lines around a conversation: banner, toolbar, farewell, the echo of what was entered, and a bug's report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.config import DEFAULT_MODEL, Settings
from aloop.llm.message_types import LLMMessage, Usage
from commands.builtin import REGISTRY
from commands.context import Context
from repl.crash_report import bug_text
from repl.options import ShellOptions
from repl.output.styled import echo_lines, to_text
from repl.startup.banner import banner_lines, expected_model, farewell_lines, toolbar_text
from tests.agent.scripted import ScriptedLLM
from tests.commands.conftest import RecordingView
from tests.local_model.installation import install_fake

NO_KEY = Settings.from_env({"HOME": "/nowhere"})
WITH_KEY = replace(NO_KEY, has_credentials=True)


def test_the_banner_is_one_line_when_there_is_a_key() -> None:
    assert len(banner_lines(None, WITH_KEY, 80)) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_without_a_key_the_banner_says_who_answers_and_how_to_change_that(width: int) -> None:
    lines = to_text(banner_lines(None, NO_KEY, width))
    assert "offline demo" in lines
    assert "ANTHROPIC_API_KEY" in lines
    assert len(lines.splitlines()) <= 3
    assert all(len(line) <= width for line in lines.splitlines())


def test_whoever_asks_for_the_offline_provider_is_not_told_about_keys() -> None:
    assert "ANTHROPIC_API_KEY" not in to_text(banner_lines("offline", NO_KEY, 80))


def test_the_model_is_known_before_anything_is_loaded() -> None:
    assert expected_model(None, NO_KEY) == "offline"
    assert expected_model(None, WITH_KEY) == DEFAULT_MODEL
    assert expected_model(None, replace(WITH_KEY, model="from-env")) == "from-env"
    assert expected_model("asked-for", replace(WITH_KEY, model="from-env")) == "asked-for"


def test_a_model_on_this_machine_is_known_by_its_title(tmp_path: Path) -> None:
    install_fake(tmp_path)
    installed = replace(NO_KEY, data_dir=tmp_path)
    assert expected_model(None, installed) == "local:SmolLM2-135M"
    assert expected_model("local", replace(WITH_KEY, data_dir=tmp_path)) == "local:SmolLM2-135M"
    assert expected_model("local:nonsense", installed) == "local:nonsense"
    assert len(banner_lines(None, installed, 80)) == 1
    toolbar = toolbar_text(ShellOptions(installed, None, None, None), None)
    assert toolbar == "local · SmolLM2-135M · new session · 0 messages"


async def test_the_toolbar_tells_model_session_and_messages() -> None:
    options = ShellOptions(NO_KEY, None, None, None)
    assert toolbar_text(options, None) == "offline · new session · 0 messages"
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    assert toolbar_text(options, context) == "scripted-1 · new session · 0 messages"
    await context.memory.add_message(LLMMessage("user", "Hi"))
    assert toolbar_text(options, context) == f"scripted-1 · {context.memory.session_id[:8]} · 1 message"


async def test_the_toolbar_tells_how_full_the_window_is() -> None:
    options = ShellOptions(NO_KEY, None, None, None)
    llm = ScriptedLLM()
    llm.context_window = 200_000
    context = Context(ReActAgent(llm, tools=[]), RecordingView(), REGISTRY)
    await context.memory.add_message(LLMMessage("user", "x" * 4_000))
    assert toolbar_text(options, context).endswith("1 message · ~1.0k of 200k tokens (1%)")
    await context.memory.add_message(LLMMessage("assistant", "Hi", usage=Usage(49_000, 1_000)))
    assert toolbar_text(options, context).endswith("2 messages · 50k of 200k tokens (25%)")


async def test_the_farewell_tells_how_to_come_back_to_what_was_saved() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    assert farewell_lines(context) == []
    await context.memory.add_message(LLMMessage("user", "Hi"))
    await context.memory.save_memory()
    assert f"aloop --resume {context.memory.session_id[:8]}" in to_text(farewell_lines(context))


async def test_the_farewell_tells_where_turns_are_that_session_yaml_could_not_take() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    await context.memory.add_message(LLMMessage("user", "Hi"))
    (await context.memory.save_memory()).path.write_text("")
    await context.memory.add_message(LLMMessage("user", "More"))
    assert to_text(farewell_lines(context)).startswith("Not saved")
    beside = (await context.memory.save_memory()).path
    assert str(beside) in to_text(farewell_lines(context))


def test_what_was_entered_is_echoed_as_it_stood_at_the_prompt() -> None:
    assert to_text(echo_lines("one\ntwo\n")) == "> one\n  two\n"


def test_a_bug_is_told_with_its_kind_and_place() -> None:
    try:
        raise KeyError("a bug")
    except KeyError as error:
        text = bug_text(error)
    assert "KeyError: 'a bug'" in text
    assert "test_start_and_end.py:" in text
    assert "report this line" in text
