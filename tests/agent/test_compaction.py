"""Compaction: the choice of the cut, the summary, and undoing it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.agent.agent import ReActAgent
from aloop.agent.compaction import choose_cut, undo_summary
from aloop.agent.events import AgentEvent, AnswerDelta, Compacting, Notice
from aloop.errors import ContextOverflow, NewerVersion, ServerFailed, StreamBroken, UsageError
from aloop.llm.base import ModelNote, Reply
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.llm.offline import OfflineLLM
from aloop.llm.prompts import INSTRUCTIONS
from aloop.memory import SessionLibrary
from aloop.memory.context import project
from aloop.tools.base import Tool, ToolResult
from tests.agent.scripted import ONE_TRY, Line, ScriptedLLM, answer

LARGE = "large " * 400


class Talk:
    """An agent in a conversation with some turns."""

    def __init__(self, sessions_dir: Path, *scripts: Sequence[Line], window: int = 0) -> None:
        self.llm = ScriptedLLM(*scripts)
        self.llm.context_window = window
        self.events: list[AgentEvent] = []
        self.agent = ReActAgent(
            self.llm, tools=None, sessions_dir=sessions_dir, on_event=self.events.append, retry=ONE_TRY
        )
        self.memory = self.agent.memory

    async def had(self, *questions: str) -> Talk:
        for question in questions:
            await self.memory.add_message(LLMMessage("user", question))
            await self.memory.add_message(LLMMessage("assistant", f"re: {question}"))
        await self.memory.save_memory()
        return self

    @property
    def contents(self) -> list[str | None]:
        return [message.content for message in self.memory.messages]

    @property
    def sent(self) -> list[str | None]:
        """The contents of the last request, without the system message."""
        return [message.content for message in self.llm.requests[-1] if message.role != "system"]

    async def is_saved(self) -> bool:
        stored = await SessionLibrary(self.memory.sessions_dir).load(self.memory.session_id)
        return stored.messages == self.memory.messages


async def test_summary_is_inserted_before_the_last_turns(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("They counted."), answer("Four.")).had("one", "two", "three")
    done = await talk.agent.compact()
    assert done
    assert done.messages == 2
    summary = talk.memory.messages[2]
    assert (summary.role, summary.summary, summary.usage) == ("user", True, Usage(10, 2))
    assert "They counted." in (summary.content or "")
    assert talk.contents[:2] + talk.contents[3:] == ["one", "re: one", "two", "re: two", "three", "re: three"]
    assert await talk.is_saved()
    await talk.agent.run("four")
    assert talk.sent == [summary.content, "two", "re: two", "three", "re: three", "four"]


async def test_summary_request_has_instructions_focus_and_old_messages(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("They counted.")).had("one", "two", "three")
    await talk.agent.compact("the numbers")
    system, question = talk.llm.requests[0]
    assert system.content == INSTRUCTIONS
    assert "keep: the numbers" in (question.content or "")
    assert "[user]\none" in (question.content or "")
    assert "two" not in (question.content or "")
    assert talk.llm.tools == [[]]


async def test_summary_text_is_not_emitted_as_an_answer(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("They counted.")).had("one", "two", "three")
    await talk.agent.compact()
    assert talk.events == [Compacting(2)]


async def test_model_notes_during_compaction_are_reported(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, [ModelNote("It is small."), *answer("They counted.")]).had("one", "two", "three")
    await talk.agent.compact()
    assert talk.events == [Compacting(2), Notice("It is small.")]


async def test_session_that_cannot_be_written_is_refused_before_the_model_is_asked(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("They counted.")).had("one", "two", "three")
    path = talk.memory.path
    assert path is not None
    path.write_text(path.read_text().replace("id: ", "version: 2\nid: ", 1))
    with pytest.raises(NewerVersion):
        await talk.agent.compact()
    assert talk.llm.requests == []


async def test_short_conversation_is_not_compacted(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir).had("one")
    assert await talk.agent.compact() is None
    assert talk.llm.requests == []


async def test_undo_summary_sends_everything_and_keeps_the_summary_in_the_file(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("They counted."), answer("Four.")).had("one", "two", "three")
    await talk.agent.compact()
    await talk.memory.edit(undo_summary)
    assert await talk.is_saved()
    assert talk.memory.messages[2].skip
    await talk.agent.run("four")
    assert talk.sent == ["one", "re: one", "two", "re: two", "three", "re: three", "four"]
    with pytest.raises(UsageError, match="no summary"):
        await talk.memory.edit(undo_summary)


async def test_second_summary_includes_the_first(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("First."), answer("Second.")).had("one", "two", "three")
    await talk.agent.compact()
    await talk.had("four")
    await talk.agent.compact()
    question = talk.llm.requests[1][-1].content or ""
    assert "First." in question
    assert "two" in question
    assert "[user]\none" not in question
    assert [message.summary for message in talk.memory.messages].count(True) == 2


@pytest.mark.parametrize("script", [[ServerFailed("The API is down.")], answer(""), answer("No", "refusal")])
async def test_failed_summary_changes_nothing(sessions_dir: Path, script: list[Line]) -> None:
    talk = await Talk(sessions_dir, script).had("one", "two", "three")
    before = talk.memory.messages
    with pytest.raises((ServerFailed, StreamBroken)):
        await talk.agent.compact()
    assert talk.memory.messages == before


async def test_summary_cut_at_its_length_limit_is_kept_and_marked(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, answer("Half a su", "max_tokens")).had("one", "two", "three")
    await talk.agent.compact()
    (summary,) = (message for message in talk.memory.messages if message.summary)
    assert "Half a su" in (summary.content or "")
    assert "cut off" in (summary.content or "")


async def test_auto_compaction_runs_before_the_window_is_full(sessions_dir: Path) -> None:
    scripts = answer("They were large."), answer("Four.")
    talk = await Talk(sessions_dir, *scripts, window=4_000).had(LARGE, LARGE, LARGE, LARGE, LARGE, "three")
    assert await talk.agent.run("four") == "Four."
    assert talk.sent[0] == "Summary of the conversation so far:\n\nThey were large."
    assert talk.sent[-1] == "four"
    assert any("/compact undo" in event.text for event in talk.events if isinstance(event, Notice))
    assert AnswerDelta("They wer") not in talk.events
    assert await talk.is_saved()


class Large(Tool):
    """A tool whose result is long."""

    name = "large"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(LARGE)


async def test_auto_compaction_runs_within_a_turn(sessions_dir: Path) -> None:
    steps: list[list[Line]] = [
        [
            Reply(
                LLMMessage("assistant", tool_calls=(ToolCall(f"c{number}", "large", f'{{"part": {number}}}'),)),
                "tool_use",
            )
        ]
        for number in range(4)
    ]
    llm = ScriptedLLM(*steps, answer("It got large."), answer("Done."))
    llm.context_window = 2_800
    agent = ReActAgent(llm, tools=[Large()], sessions_dir=sessions_dir, retry=ONE_TRY)
    assert await agent.run("Go") == "Done."
    assert [message.role for message in llm.requests[-1]] == ["system", "user", *["assistant", "tool"]]
    assert agent.memory.get_repairs() == ()
    assert [message.role for message in agent.memory.messages if not message.summary] == [
        *("user", *["assistant", "tool"] * 4, "assistant")
    ]
    stored = await SessionLibrary(sessions_dir).load(agent.memory.session_id)
    assert stored.messages == agent.memory.messages


async def test_context_overflow_compacts_and_retries(sessions_dir: Path) -> None:
    scripts = [ContextOverflow("too long")], answer("They counted."), answer("Four.")
    talk = await Talk(sessions_dir, *scripts).had("one", "two", "three")
    assert await talk.agent.run("four") == "Four."
    assert talk.sent[0] == "Summary of the conversation so far:\n\nThey counted."


async def test_context_overflow_is_raised_if_compaction_is_impossible(sessions_dir: Path) -> None:
    talk = Talk(sessions_dir, [ContextOverflow("too long")])
    with pytest.raises(ContextOverflow):
        await talk.agent.run("one " * 100)
    assert talk.memory.messages == ()


async def test_turn_continues_after_a_failed_auto_compaction(sessions_dir: Path) -> None:
    scripts = [ServerFailed("The API is down.")], answer("Four.")
    talk = await Talk(sessions_dir, *scripts, window=2_500).had(LARGE, LARGE, LARGE, "three")
    assert await talk.agent.run("four") == "Four."
    assert any("could not be summarized" in event.text for event in talk.events if isinstance(event, Notice))


async def test_offline_demo_can_summarize(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir).had("What is one?", "two", "three")
    talk.agent.llm = OfflineLLM(delay=0)
    await talk.agent.compact()
    assert "What is one?" in (talk.memory.messages[2].content or "")


async def test_context_use_includes_the_tools(sessions_dir: Path) -> None:
    talk = await Talk(sessions_dir, window=100_000).had("one")
    use = talk.agent.context_use
    assert (use.window, use.is_estimate) == (100_000, True)
    assert use.tokens > 500


PLENTY = 10_000


def turn(text: str, steps: int = 0) -> list[LLMMessage]:
    messages = [LLMMessage("user", text)]
    for number in range(steps):
        call = ToolCall(f"{text}-{number}", "calculator")
        messages.append(LLMMessage("assistant", tool_calls=(call,)))
        messages.append(LLMMessage("tool", "4" * 400, tool_call_id=call.id))
    return [*messages, LLMMessage("assistant", f"re: {text}")]


def test_last_two_turns_are_kept() -> None:
    talk = [*turn("one"), *turn("two", 1), *turn("three"), *turn("four", 1)]
    cut = choose_cut(talk, PLENTY)
    assert cut is not None
    assert talk[cut].content == "three"


def test_two_turns_are_cut_between_them() -> None:
    assert choose_cut([*turn("one"), *turn("two")], PLENTY) == 2


@pytest.mark.parametrize("talk", [[], turn("one"), turn("one", 3)])
def test_single_turn_that_fits_is_not_cut(talk: list[LLMMessage]) -> None:
    assert choose_cut(talk, PLENTY) is None


def test_large_last_turn_is_kept_alone() -> None:
    talk = [*turn("one"), *turn("two"), *turn("three", 3)]
    assert choose_cut(talk, 345) == 4


def test_oversized_turn_is_cut_between_its_steps() -> None:
    talk = [*turn("one"), *turn("two", 6)]
    cut = choose_cut(talk, 350)
    assert cut is not None
    assert cut > 2
    assert talk[cut].role == "assistant"
    assert talk[cut - 1].role == "tool"


def test_messages_before_an_earlier_summary_are_ignored() -> None:
    summary = LLMMessage("user", "Summary", summary=True)
    talk = [*turn("one"), *turn("two"), summary, *turn("three")]
    assert choose_cut(talk, PLENTY) is None
    assert choose_cut([*talk, *turn("four"), *turn("five")], PLENTY) == 7


def test_cut_is_never_at_a_skipped_message() -> None:
    talk = [*turn("one"), *[replace(message, skip=True) for message in turn("two")], *turn("three")]
    assert choose_cut(talk, PLENTY) == 4


@given(sizes=st.lists(st.integers(0, 5), max_size=6), room=st.integers(0, 1_500))
def test_cut_never_separates_a_call_from_its_result(sizes: list[int], room: int) -> None:
    talk = [message for number, steps in enumerate(sizes) for message in turn(str(number), steps)]
    cut = choose_cut(talk, room)
    if cut is not None:
        summary = LLMMessage("user", "Summary", summary=True)
        assert project((), [*talk[:cut], summary, *talk[cut:]]).repairs == ()
        assert project((), talk[:cut]).repairs == ()


async def test_summary_request_for_very_many_messages_fits_the_window(sessions_dir: Path) -> None:
    talk = Talk(sessions_dir, answer("They counted."), answer("They counted on."), window=10_000)
    await talk.had(*(f"{number} {'x' * 150}" for number in range(300)))
    for earlier in ("", "They counted."):
        assert await talk.agent.compact()
        request = talk.sent[0] or ""
        assert len(request) < 2.5 * talk.llm.context_window
        assert ("[user]\n0 x" in request, "[user]\n297 x" in request, earlier in request) == (False, not earlier, True)
        await talk.had(*(f"{number} {'x' * 150}" for number in range(300, 600)))
    notices = [event.text for event in talk.events if isinstance(event, Notice)]
    assert len(notices) == 2
    assert re.fullmatch(r"The oldest \d+ messages are not in the summary, because .* no room for them\.", notices[0])
