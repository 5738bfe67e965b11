"""Titles of sessions, and counts over them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.conversation import marked
from aloop.memory.session import UNKNOWN_MODEL, make_title
from tests.saved_sessions import FIRST, save


async def test_usage_is_counted_per_model_and_in_total(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    memory.set_system_message("Be kind.")
    call = ToolCall("c1", "calculator")
    for message in (
        LLMMessage("user", "hi"),
        LLMMessage("assistant", tool_calls=(call,), model="one", usage=Usage(10, 5, 3, 20, 1_500)),
        LLMMessage("tool", "4", tool_call_id="c1", name="calculator"),
        LLMMessage("assistant", "so", model="two", usage=Usage(1, 2, duration_ms=500)),
        LLMMessage("user", "Summary", summary=True, model="one", usage=Usage(100, 10)),
        LLMMessage("assistant", "by hand", usage=Usage(1, 1)),
    ):
        await memory.add_message(message)
    await memory.save_memory()
    for stats in (memory.stats(), await SessionLibrary(sessions_dir).stats(memory.session_id)):
        assert stats.messages_by_role == {"user": 2, "assistant": 3, "tool": 1}
        assert stats.tool_calls == {"calculator": 1}
        assert stats.usage_by_model == {"one": Usage(110, 15, 3, 20), "two": Usage(1, 2), UNKNOWN_MODEL: Usage(1, 1)}
        assert (stats.usage, stats.usage.duration_ms) == (Usage(112, 18, 3, 20), 2_000)


def test_cached_share_is_relative_to_all_sent_tokens() -> None:
    assert Usage(10, 5, 10, 20).cached_share == 0.5
    assert Usage().cached_share == 0


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("```python\nprint(1)\n```", "print(1)"),
        ("~~~\n{\n  [\n---\nWhy does this fail?", "Why does this fail?"),
        ("\ufeff\u200bHello\u2060 world", "Hello world"),
        ("\u202eabc", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("???", "???"),
        ("---\n***", "---"),
        ("日本", "日本"),
        ("\u200b", ""),
        (" " * 100_000 + "x" + "\n" * 100_000, "x"),
    ],
)
def test_title_is_the_first_line_with_a_word(content: str, title: str) -> None:
    assert make_title((LLMMessage("user", content),)) == title


async def test_title_is_not_taken_from_a_skipped_message(sessions_dir: Path) -> None:
    """Other tools put texts into skipped messages."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    skipped = LLMMessage("user", "<environment_context>", skip=True)
    for message in (skipped, LLMMessage("user", "Fix the test"), LLMMessage("assistant", "Done.")):
        await memory.add_message(message)
    assert memory.title == "Fix the test"
    path = (await memory.save_memory()).path
    path.write_text(re.sub(r"title: .*\n", "", path.read_text()))
    library = SessionLibrary(sessions_dir)
    (row,), (title,) = await library.list_sessions(), await library.list_titles()
    assert row.title == title.title == (await library.load(row.id)).title == "Fix the test"
    assert await library.list_first_questions() == {row.id: "Fix the test"}


@pytest.mark.parametrize(("header", "title"), [("", "One"), ("imported: {from: codex}\n", "")])
async def test_session_with_only_skipped_messages_has_a_title_unless_it_was_imported(
    sessions_dir: Path, header: str, title: str
) -> None:
    path = save(sessions_dir, FIRST, says="One")
    text = path.read_text().replace('content: "One"\n', 'content: "One"\n    skip: true\n')
    path.write_text(text.replace("system_messages:", f"{header}system_messages:"))
    library = SessionLibrary(sessions_dir)
    (row,), (found,) = await library.list_sessions(), await library.list_titles()
    assert row.title == found.title == (await library.load(FIRST)).title == title


async def test_title_stays_if_the_first_question_is_skipped(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    for message in (LLMMessage("user", "One"), LLMMessage("assistant", "1"), LLMMessage("user", "Two")):
        await memory.add_message(message)
    await memory.save_memory()
    await memory.edit(lambda messages: marked(messages, 0, 1, skip=True))
    assert memory.title == "One"
    again = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    assert again.title == "One"
    await memory.edit(lambda messages: messages[2:])
    assert memory.title == "Two"
