from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage
from commands.dispatch import dispatch
from tests.commands.conftest import Bench, SetUp
from tests.saved_sessions import FIRST, save


@pytest.fixture
async def stage(bench: SetUp, sessions_dir: Path) -> Bench:
    """Return a bench with a session of four messages; the second calls a tool."""
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    return stage


def text_of(stage: Bench) -> str:
    """Return the file without the time of its last save."""
    assert stage.memory.path
    return "".join(line for line in stage.memory.path.read_text().splitlines(True) if "updated_at" not in line)


def skipped(stage: Bench) -> list[int]:
    return [number for number, message in enumerate(stage.memory.messages, 1) if message.skip]


async def test_skipped_messages_are_marked_in_the_file_and_not_sent(stage: Bench) -> None:
    await dispatch("/skip 4", stage.context)
    assert skipped(stage) == [4]
    marked = text_of(stage)
    assert "    skip: true\n" in marked
    assert [message.role for message in stage.memory.get_context_for_llm()] == ["system", "user", "assistant", "tool"]
    message = str(stage.view.of("info")[-1])
    assert re.fullmatch(
        r"Message 4 is no longer sent to the model\. The context is about \d+ tokens smaller\.", message
    )
    await dispatch("/unskip 4", stage.context)
    again = str(stage.view.of("info")[-1])
    assert again.startswith("Message 4 is sent to the model again.")
    assert again.endswith("tokens larger.")
    assert text_of(stage) == marked.replace("    skip: true\n", "")


@pytest.mark.parametrize("typed", ["/skip 2", "/skip 3", "/skip 2-3"])
async def test_skip_keeps_a_tool_call_with_its_result(stage: Bench, typed: str) -> None:
    await dispatch(typed, stage.context)
    assert skipped(stage) == [2, 3]
    assert stage.memory.get_repairs() == ()
    assert ("stays with its results" in str(stage.view.of("info")[-1])) is ("-" not in typed)


async def test_unskip_all_leaves_out_undone_summaries(stage: Bench) -> None:
    await stage.memory.edit(lambda now: (LLMMessage("user", "So far.", summary=True, skip=True), *now))
    await dispatch("/skip 2-5", stage.context)
    await dispatch("/unskip", stage.context)
    assert skipped(stage) == [1]
    assert str(stage.view.of("info")[-1]).startswith("4 messages are sent to the model again.")
    await dispatch("/unskip", stage.context)
    assert stage.view.of("info")[-1] == "No messages are skipped."


async def test_unskip_of_a_sent_message_shows_a_message(stage: Bench) -> None:
    await dispatch("/unskip 1", stage.context)
    assert stage.view.of("info")[-1] == "Message 1 is already sent."


async def test_skip_mark_edited_into_the_file_counts(stage: Bench) -> None:
    await stage.memory.edit(lambda now: (replace(now[0], skip=True), *now[1:]))
    await dispatch("/skip 1", stage.context)
    assert stage.view.of("info")[-1] == "Message 1 is already skipped."


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("/skip", "Type message numbers"),
        ("/skip 9", "Message 9 does not exist: this session has 4 messages."),
        ("/skip 3-2", "the smaller number comes first"),
        ("/skip 0", "count from 1"),
        ("/skip the first", "not a message number"),
        ("/unskip 2-x", "not a message number"),
    ],
)
async def test_skip_with_invalid_numbers_changes_nothing(stage: Bench, typed: str, reason: str) -> None:
    assert stage.memory.path
    before = stage.memory.path.read_bytes()
    await dispatch(typed, stage.context)
    assert reason in str(stage.view.of("error")[-1])
    assert stage.memory.path.read_bytes() == before
