"""Tests of a whole shell with hostile text, which the terminal must not obey."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from aloop.errors import LLMError
from aloop.llm.base import TextDelta, ThinkingDelta
from aloop.llm.message_types import ToolCall
from repl.input.pastes import PasteGuard
from tests.agent.scripted import Hang, ScriptedLLM, answer, calls
from tests.commands.conftest import store
from tests.hostile import ALL, PAYLOADS, obeyed_of
from tests.repl.conftest import SetStage, Stage

SAFE = "^[[2J"
"""The first payload as it is shown."""


WRITABLE = ALL.encode("utf-8", "replace").decode()
PASTE = f"\x1b[200~{WRITABLE.replace(PAYLOADS['end of paste'], '')}\x1b[201~"
FILE_NAME = "".join(PAYLOADS.values()).replace("/", "").replace("\0", "").encode("utf-8", "ignore").decode()[:80]


def sent(shell: Stage) -> str:
    return "".join(shell.terminal.writes)


@pytest.fixture
def play(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> SetStage:
    """A stage with the standard tools and a model with a hostile name."""
    monkeypatch.setattr(ScriptedLLM, "model", ALL[:40])
    return partial(stage, tools=None)


async def test_hostile_answer_is_safe_while_streaming_and_when_complete(play: SetStage) -> None:
    hang = Hang()
    async with play([ThinkingDelta(ALL), TextDelta(f"{ALL}\n\n{ALL}"), hang]) as shell:
        shell.type("go\r")
        await hang.reached.wait()
        await shell.terminal.wait_until(lambda: sent(shell).count(SAFE) > 1, "the block and the live rows")
        shell.type("\x03")
        await shell.rest()
        assert obeyed_of(sent(shell)) == []


async def test_hostile_calls_questions_and_results_are_safe(play: SetStage) -> None:
    Path(FILE_NAME).write_text(WRITABLE)
    asked = [
        ToolCall("1", "list_files", json.dumps({"path": "."})),
        ToolCall("2", "read_file", json.dumps({"path": FILE_NAME})),
        ToolCall("3", "write_file", json.dumps({"path": "evil.txt", "content": WRITABLE.replace("\0", "")})),
        ToolCall("4", ALL, ALL),
    ]
    async with play(calls(*asked, text=ALL), [LLMError(ALL)]) as shell:
        shell.type("go\r")
        await shell.see("╰ y/a/n")
        shell.type("n")
        await shell.see("No, because:")
        shell.type(PASTE)
        await shell.see("no<U+200B>space")
        shell.type("\x03")
        await shell.rest()
        assert obeyed_of(sent(shell)) == []


async def test_hostile_session_is_safe_in_lists_completion_and_transcript(
    play: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    await store(sessions_dir, ALL)
    await store(sessions_dir, ALL)
    async with play() as shell:
        shell.type("/history\r")
        await shell.see(SAFE)
        await shell.rest()
        shell.type("/history 1\r")
        await shell.see("answer to")
        await shell.rest()
        seen = len(shell.terminal.writes)
        shell.type("/resume \t")
        await shell.terminal.wait_until(lambda: SAFE in "".join(shell.terminal.writes[seen:]), "the menu")
        shell.type("\x15/resume 1\r")  # Tab may have inserted the common prefix of the IDs
        await shell.see("Resumed")
        await shell.rest()
        assert obeyed_of(sent(shell)) == []


async def test_hostile_paste_is_shown_and_waits_for_enter(play: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PasteGuard, "paste", lambda _: None)  # as if every key came after a pause
    async with play(answer("Thank you.")) as shell:
        shell.type(PASTE)
        await shell.see("no<U+200B>space")
        assert shell.llm.requests == []
        shell.type("\r")
        await shell.see("Thank you.")
        await shell.rest()
        assert obeyed_of(sent(shell)) == []
