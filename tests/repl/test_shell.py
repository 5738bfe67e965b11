"""Tests of lines, keys and turns in the shell, on a terminal in memory."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input

from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.config.user_folders import settings_folder, state_dir
from aloop.errors import ConnectionFailed, LLMError
from aloop.llm.base import TextDelta
from aloop.memory.session_folder.session_file import SessionFile
from aloop.memory.sessions_dir.catalog import Entry
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from repl import engine
from repl.input.history import HistoryFile
from repl.input.pastes import PasteGuard
from repl.options import ShellOptions
from repl.output.screen import Screen
from repl.shell import Shell
from tests.agent.scripted import Hang, answer
from tests.commands.conftest import store
from tests.repl.conftest import SetStage, Stage
from tests.repl.terminal import Terminal
from tests.saved_sessions import FIRST, open_elsewhere, save


async def test_line_is_answered_and_the_session_is_saved(stage: SetStage) -> None:
    async with stage(answer("Hello **you**.")) as shell:
        shell.type("Hi\r")
        await shell.see("2 messages")
        await shell.rest()
        assert "> Hi\n\nHello you.\n" in shell.terminal.scrollback
        assert await shell.saved() == ["Hi", "Hello **you**."]


async def test_command_file_that_cannot_be_used_is_reported_at_the_start(stage: SetStage) -> None:
    folder = settings_folder() / "commands"
    folder.mkdir(parents=True)
    (folder / "two words.md").write_text("Do it.")
    async with stage() as shell:
        await shell.see("two words.md is not used: a command is named")


async def test_second_ctrl_c_does_not_end_the_shell(stage: SetStage) -> None:
    hang = Hang()
    async with stage([TextDelta("Half"), hang], answer("Still here.")) as shell:
        shell.type("one\r")
        await hang.reached.wait()
        shell.type("\x03\x03\x03")
        await shell.rest()
        shell.type("two\r")
        await shell.see("Still here.")


async def test_ctrl_c_together_with_enter_returns_the_line(stage: SetStage) -> None:
    async with stage(answer("Hello.")) as shell:
        shell.type("one\r\x03")
        await shell.see("Stopped.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-3:-1] == ["", "> one"], "the line again")
        shell.type("\r")
        await shell.see("Hello.")


async def test_sigint_stops_the_turn_as_ctrl_c_does(stage: SetStage) -> None:
    hang = Hang()
    async with stage([TextDelta("Half"), hang]) as shell:
        shell.type("one\r")
        await hang.reached.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await shell.see("Stopped.")
        assert not shell.running.done()


async def test_failed_turn_without_an_answer_returns_its_text(stage: SetStage) -> None:
    async with stage([ConnectionFailed("No network.")], answer("Now it works.")) as shell:
        shell.type("try this\r")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-3:-1] == ["", "> try this"], "the text again")
        shell.type("\r")
        await shell.see("Now it works.")
        await shell.rest()
        assert await shell.saved() == ["try this", "Now it works."]


async def test_returned_text_does_not_replace_a_draft(stage: SetStage) -> None:
    hang = Hang()
    async with stage([hang]) as shell:
        shell.type("one\r")
        await hang.reached.wait()
        shell.type("a draft")
        await shell.see("> a draft")
        shell.type("\x03")
        await shell.see("Press Up to bring it back")
        assert "> a draft" in shell.terminal.screen


async def test_ctrl_c_between_turns_moves_the_line_to_the_history(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("a draft")
        await shell.see("> a draft")
        shell.type("\x03\x03")
        await shell.see("Press Ctrl-C again to quit.")
        assert "> a draft" not in shell.terminal.screen
        shell.type("\x1b[A")
        await shell.see("> a draft")


async def test_model_of_a_resumed_session_is_in_the_banner_the_toolbar_and_a_line(
    stage: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test")
    path = save(sessions_dir, FIRST)
    path.write_text(path.read_text().replace("system_messages:", "model: claude-opus-5-5\nsystem_messages:"))
    async with stage(resume="a1b2") as shell:
        await shell.see("The model is claude-opus-5-5, as before in this session. /model changes it.")
        await shell.rest()
        assert shell.terminal.screen[0].endswith("  claude-opus-5-5")
        assert shell.terminal.screen[-1].startswith("claude-opus-5-5 · ")


async def test_ctrl_d_on_an_empty_line_leaves(stage: SetStage) -> None:
    async with stage(answer("Hello.")) as shell:
        shell.type("Hi\r")
        await shell.see("2 messages")
        await shell.rest()
        shell.type("\x04")
        assert await shell.ends() == 0
        assert "aloop --resume" in shell.terminal.scrollback


async def test_ctrl_d_during_a_turn_or_on_text_does_not_leave(stage: SetStage) -> None:
    hang = Hang()
    async with stage([hang]) as shell:
        shell.type("one\r")
        await hang.reached.wait()
        shell.type("\x04")
        shell.type("two\x04")
        await shell.see("> two")
        assert not shell.running.done()


async def test_paste_of_several_lines_is_one_input(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PasteGuard, "paste", lambda _: None)  # as if every key came after a pause
    async with stage(answer("Got it.")) as shell:
        shell.type("\x1b[200~one\r\ntwo\rthree\x1b[201~")
        await shell.see("three")
        shell.type("\r")
        await shell.see("Got it.")
        await shell.rest()
        assert (await shell.saved())[0] == "one\ntwo\nthree"


@pytest.mark.parametrize("key", ["\r", "\n", "\x0f"])
async def test_paste_with_a_forged_end_does_not_submit_itself(stage: SetStage, key: str) -> None:
    async with stage() as shell:
        shell.type(f"\x1b[200~harmless\x1b[201~{key}evil{key}")
        await shell.see("evil")
        assert shell.llm.requests == []


async def test_alt_enter_inserts_a_line_feed(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type("one\x1b\rtwo")
        await shell.see("  two")
        shell.type("\r")
        await shell.see("Got it.")
        await shell.rest()
        assert (await shell.saved())[0] == "one\ntwo"


async def test_blank_line_is_not_sent(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PasteGuard, "paste", lambda _: None)  # as if every key came after a pause
    async with stage(answer("Hello.")) as shell:
        shell.type("  \r")
        shell.type("Hi\r")
        await shell.see("Hello.")
        assert len(shell.llm.requests) == 1


async def test_tab_completes_a_command_and_enter_runs_it(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/cl\t")
        await shell.see("> /clear")
        shell.type("\r")
        await shell.see("This is already a new session.")


async def test_command_file_added_while_the_shell_runs_is_offered(stage: SetStage) -> None:
    async with stage() as shell:
        await shell.rest()
        folder = settings_folder() / "commands"
        folder.mkdir(parents=True)
        (folder / "tidy-up.md").write_text("Tidy up.")
        shell.type("/tid\t")
        await shell.see("> /tidy-up")


async def test_bug_in_a_turn_is_shown_and_the_shell_continues(stage: SetStage) -> None:
    async with stage([ZeroDivisionError("a bug")], answer("Still here.")) as shell:
        shell.type("one\r")
        await shell.see("Internal error in aloop: ZeroDivisionError: a bug")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-3:-1] == ["", ">"], "an empty prompt")
        shell.type("two\r")
        await shell.see("Still here.")


async def test_resumed_session_is_shown_before_the_first_prompt(stage: SetStage, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "What was it?")
    async with stage(resume="") as shell:
        await shell.see("2 messages\n")
        assert "> What was it?\n\nanswer to What was it?" in shell.terminal.scrollback
        await shell.see(f"Resumed {session_id[:8]}")


async def asked(shell: Stage, question: str) -> None:
    """Wait until a key answers ``question``."""
    end = "╰ y/n or ↑↓ Enter · Esc stops"
    await shell.terminal.wait_until(
        lambda: f"╭ {question}" in shell.terminal.screen and shell.terminal.screen[-1] == end, "the question"
    )


async def test_command_that_takes_long_is_named_in_the_status_until_ctrl_c_stops_it(
    stage: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(sessions_dir, FIRST)
    may_read, read = threading.Event(), YamlBackend.read

    def read_slowly(backend: YamlBackend, entry: Entry) -> SessionFile:
        may_read.wait()
        return read(backend, entry)

    monkeypatch.setattr(YamlBackend, "read", read_slowly)
    async with stage() as shell:
        try:
            shell.type("/resume a1b2\r")
            await shell.see(" /resume a1b2 · ")
            shell.type("\x03")
            await shell.see(" stopping")
            assert "Esc stops" not in "\n".join(shell.terminal.screen)
            may_read.set()
            await shell.see("Stopped.")
        finally:
            may_read.set()


async def test_untrusted_session_is_resumed_only_after_a_yes(stage: SetStage, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    (state_dir() / "aloop" / "trust").unlink()
    async with stage(resume="") as shell:
        await asked(shell, "Resume it?")
        assert "It is" not in shell.terminal.scrollback
        shell.type("\r")
        await shell.see("╰ Press y/n, or ↑↓ and then Enter · Esc stops")
        shell.type("n")
        await shell.see("Nothing was changed.")
        await shell.see("0 messages")
        shell.type("/resume a1b2\r")
        await asked(shell, "Resume it?")
        shell.type("y")
        await shell.see("Resumed a1b2c3d4")
        assert "│ Be brief." in shell.terminal.scrollback


async def test_line_typed_before_the_trust_question_waits_for_its_answer(stage: SetStage, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    (state_dir() / "aloop" / "trust").unlink()
    async with stage(answer("Hello."), resume="") as shell:
        shell.type("Hi\r")
        await asked(shell, "Resume it?")
        assert shell.llm.requests == []
        shell.type("n")
        await shell.see("Nothing was changed.")
        await shell.see("> Hi")
        shell.type("\r")
        await shell.see("Hello.")
        await shell.rest()
        assert await shell.saved() == ["Hi", "Hello."]


@pytest.mark.parametrize("key", ["\x1b[27u", "\x03"])
async def test_stopped_trust_question_leaves_a_usable_new_session(
    stage: SetStage, sessions_dir: Path, key: str
) -> None:
    save(sessions_dir, FIRST)
    (state_dir() / "aloop" / "trust").unlink()
    async with stage(answer("Hello."), resume="") as shell:
        await asked(shell, "Resume it?")
        shell.type(key)
        await shell.see("Stopped.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2].startswith("> Ask"), "an empty prompt")
        shell.type("Hi\r")
        await shell.see("Hello.")
        await shell.rest()
        assert await shell.saved() == ["Hi", "Hello."]


@pytest.mark.parametrize("key", ["\x1b[27u", "\x03"])
async def test_stopped_question_about_a_copy_leaves_a_usable_new_session(
    stage: SetStage, sessions_dir: Path, key: str
) -> None:
    save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST):
        async with stage(answer("Hello."), resume="a1b2", hold=True) as shell:
            await shell.terminal.wait_until(
                lambda: shell.terminal.screen[-1:] == ["╰ y/n or ↑↓ Enter · Esc stops"], "it"
            )
            assert "Open a copy?" in " ".join(shell.terminal.screen)
            shell.type(key)
            await shell.see("Stopped.")
            await shell.terminal.wait_until(lambda: shell.terminal.screen[-2].startswith("> Ask"), "an empty prompt")
            shell.type("Hi\r")
            await shell.see("Hello.")


async def test_unknown_session_to_resume_exits_before_the_prompt(
    stage: SetStage, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stage(resume="ffffffff") as shell:
        assert await shell.ends() == 1
        assert shell.terminal.screen == []
        assert (
            capsys.readouterr().err
            == "aloop: No session matches 'ffffffff'. Run `aloop sessions list` to list the sessions.\n"
        )


async def test_engine_error_ends_the_shell_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_options: object) -> ReActAgent:
        raise LLMError("The key is missing.")

    monkeypatch.setattr(engine, "build_agent", refuse)
    with create_pipe_input() as keys:
        terminal = Terminal()
        options = ShellOptions(Settings.from_env(), "some-model", None, None)
        code = await Shell(options, Screen(terminal.output), keys).run()
    assert code == 1
    assert "The key is missing." in terminal.scrollback


async def test_sigterm_between_turns_keeps_the_draft_in_the_history(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("a draft")
        await shell.see("> a draft")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await shell.ends() == 143
    assert HistoryFile(Settings.from_env().history_file).read() == ["a draft"]


async def test_sigterm_during_a_turn_stops_it_and_exits(stage: SetStage) -> None:
    hang = Hang()
    async with stage([TextDelta("Half"), hang]) as shell:
        shell.type("one\r")
        await hang.reached.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await shell.ends() == 143
        assert await shell.saved() == ["one", "Half"]
