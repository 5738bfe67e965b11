"""Tests of banner, welcome, toolbar, farewell, echo and crash report."""

from __future__ import annotations

import stat
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.config import DEFAULT_MODEL, Settings
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, Usage
from commands.builtin import REGISTRY
from commands.context import Context
from repl.crash_report import bug_text
from repl.options import ShellOptions
from repl.output.styled import echo_lines, to_text
from repl.startup.banner import (
    banner_lines,
    expected_model,
    farewell_lines,
    greeting,
    is_first_start,
    remember_start,
    toolbar_text,
    welcome_lines,
)
from tests.agent.scripted import ScriptedLLM
from tests.commands.conftest import RecordingView
from tests.local_model.installation import install_fake

NO_KEY = Settings.from_env({"HOME": "/nowhere"})
WITH_KEY = replace(NO_KEY, has_credentials=True)


def test_first_start_is_remembered_in_a_private_file(private_home: Path) -> None:
    settings = Settings.from_env()
    assert is_first_start(settings)
    remember_start(settings)
    remember_start(settings)
    assert not is_first_start(settings)
    mark = private_home / ".local/state/aloop/welcomed"
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    assert stat.S_IMODE(mark.parent.stat().st_mode) == 0o700


def test_user_with_a_history_is_not_a_newcomer() -> None:
    settings = Settings.from_env()
    settings.history_file.touch()
    assert not is_first_start(settings)


def test_unwritable_state_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    remember_start(Settings.from_env())
    assert is_first_start(Settings.from_env())


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("model", [None, "offline"])
def test_welcome_is_three_short_lines(has_key: bool, model: str | None) -> None:
    settings = replace(Settings.from_env(), has_credentials=has_key)
    lines = to_text(welcome_lines(model, settings, ".aloop/sessions")).splitlines()
    assert len(lines) == 3
    assert all(len(line) < 60 for line in lines)
    assert ".aloop/sessions" in lines[0]
    assert "/help" in lines[1]
    assert ("ANTHROPIC_API_KEY" in lines[2]) == (not has_key and model is None)


def test_welcome_for_a_model_without_tools_mentions_no_permissions() -> None:
    lines = to_text(welcome_lines("local", Settings.from_env(), ".aloop/sessions")).splitlines()
    assert lines[2] == "local · SmolLM2-135M · runs on this machine"


def test_resumed_session_gets_the_short_banner() -> None:
    options = ShellOptions(Settings.from_env(), None, None, "")
    assert "conversations are saved" not in to_text(greeting(options, 80))
    assert "conversations are saved" in to_text(greeting(replace(options, resume=None), 80))


def test_welcome_names_the_sessions_folder_in_use(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ShellOptions(Settings.from_env(), None, None, None)
    assert "are saved in .aloop/sessions\n" in to_text(greeting(options, 80))
    deep = private_home / "project" / "src"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    (deep.parent / ".aloop" / "sessions").mkdir(parents=True)
    assert "are saved in ~/project/.aloop/sessions\n" in to_text(greeting(options, 80))
    assert "are saved in mine\n" in to_text(greeting(replace(options, sessions_dir=Path("mine")), 80))
    deep.rmdir()
    assert "are saved in .aloop/sessions\n" in to_text(greeting(options, 80))


def test_banner_with_a_key_is_one_line() -> None:
    assert len(banner_lines(None, WITH_KEY, 80)) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_banner_without_a_key_names_the_offline_demo_and_the_remedy(width: int) -> None:
    lines = to_text(banner_lines(None, NO_KEY, width))
    assert "offline demo" in lines
    assert "ANTHROPIC_API_KEY" in lines
    assert len(lines.splitlines()) <= 3
    assert all(len(line) <= width for line in lines.splitlines())


def test_banner_of_the_chosen_offline_model_does_not_mention_keys() -> None:
    assert "ANTHROPIC_API_KEY" not in to_text(banner_lines("offline", NO_KEY, 80))


def test_expected_model_follows_options_settings_and_key() -> None:
    assert expected_model(None, NO_KEY) == "offline"
    assert expected_model(None, WITH_KEY) == DEFAULT_MODEL
    assert expected_model(None, replace(WITH_KEY, model="from-env")) == "from-env"
    assert expected_model("asked-for", replace(WITH_KEY, model="from-env")) == "asked-for"


def test_local_model_is_shown_by_its_title(tmp_path: Path) -> None:
    install_fake(tmp_path)
    installed = replace(NO_KEY, data_dir=tmp_path)
    assert expected_model(None, installed) == "local:SmolLM2-135M"
    assert expected_model("local", replace(WITH_KEY, data_dir=tmp_path)) == "local:SmolLM2-135M"
    assert expected_model("local:nonsense", installed) == "local:nonsense"
    assert len(banner_lines(None, installed, 80)) == 1
    toolbar = toolbar_text(ShellOptions(installed, None, None, None), None)
    assert toolbar == "local · SmolLM2-135M · new session · 0 messages"


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


async def test_farewell_shows_the_command_that_resumes_the_session() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    assert farewell_lines(context) == []
    await context.memory.add_message(LLMMessage("user", "Hi"))
    await context.memory.save_memory()
    assert f"aloop --resume {context.memory.session_id[:8]}" in to_text(farewell_lines(context))


async def test_farewell_names_the_file_of_recovered_turns() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    await context.memory.add_message(LLMMessage("user", "Hi"))
    (await context.memory.save_memory()).path.write_text("")
    await context.memory.add_message(LLMMessage("user", "More"))
    assert to_text(farewell_lines(context)).startswith("Not saved")
    beside = (await context.memory.save_memory()).path
    assert str(beside) in to_text(farewell_lines(context))


def test_echo_shows_the_input_as_at_the_prompt() -> None:
    assert to_text(echo_lines("one\ntwo\n")) == "> one\n  two\n"


def test_crash_report_names_error_and_place() -> None:
    try:
        raise KeyError("a bug")
    except KeyError as error:
        text = bug_text(error)
    assert "KeyError: 'a bug'" in text
    assert "test_banner.py:" in text
    assert "report this line" in text
