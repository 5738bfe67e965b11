"""Thinking is sent back only after the prefix that it was produced under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from aloop.llm.anthropic.wire import SendRules, bind_thinking, to_message, to_request
from aloop.llm.base import ToolSpec
from aloop.llm.message_types import LLMMessage

SYSTEM = LLMMessage("system", "Be brief.")
TOOLS = (ToolSpec("add", "Adds two numbers.", {"type": "object"}),)


def user(words: str) -> LLMMessage:
    return LLMMessage("user", words)


def answer(number: int, history: Sequence[LLMMessage], tools: Sequence[ToolSpec] = TOOLS) -> LLMMessage:
    """Return the answer to ``history``, bound as the client binds it."""
    message = to_message(
        [
            {"type": "thinking", "thinking": f"thought {number}", "signature": f"sig{number}"},
            {"type": "text", "text": f"answer {number}"},
        ]
    )
    return bind_thinking(message, to_request(history, tools))


def conversation(turns: int) -> list[LLMMessage]:
    history = [SYSTEM]
    for number in range(1, turns + 1):
        history.append(user(f"question {number}"))
        history.append(answer(number, history))
    return history


def sent(history: Sequence[LLMMessage], tools: Sequence[ToolSpec] = TOOLS) -> frozenset[str]:
    return to_request([*history, user("next")], tools).signatures


def test_unchanged_history_keeps_all_thinking() -> None:
    assert sent(conversation(3)) == {"sig1", "sig2", "sig3"}


def test_digest_is_short_and_hexadecimal() -> None:
    (block,) = conversation(1)[-1].thinking
    assert len(block.prefix) == 16
    assert int(block.prefix, 16)


def test_edited_question_drops_the_thinking_after_it_only() -> None:
    history = conversation(3)
    history[3] = user("another question 2")
    request = to_request(history, TOOLS)
    assert request.signatures == {"sig1"}
    assert request.dropped == ("sig2", "sig3")


@pytest.mark.parametrize(
    "change",
    [
        lambda history: history.pop(1),
        lambda history: history.__setitem__(0, LLMMessage("system", "Be long.")),
        lambda history: history.__setitem__(2, replace(history[2], content="edited answer")),
        lambda history: history.insert(1, user("inserted")),
    ],
    ids=["removed", "system text", "answer", "inserted"],
)
def test_any_change_of_the_prefix_drops_later_thinking(change: object) -> None:
    history = conversation(2)
    assert callable(change)
    change(history)
    assert "sig2" not in sent(history)


def test_edited_thinking_is_dropped() -> None:
    history = conversation(1)
    (block,) = history[-1].thinking
    history[-1] = replace(history[-1], thinking=(replace(block, thinking="edited"),))
    assert sent(history) == frozenset()


def test_changed_tool_description_drops_all_thinking() -> None:
    changed = (replace(TOOLS[0], description="Adds numbers."),)
    assert sent(conversation(2), changed) == frozenset()


def test_thinking_after_a_dropped_block_is_bound_to_what_was_sent() -> None:
    history = conversation(2)
    history[1] = user("edited")
    history.append(user("question 3"))
    history.append(answer(3, history))
    assert sent(history) == {"sig3"}


def test_undone_edit_brings_the_thinking_back() -> None:
    history = conversation(2)
    edited = [*history]
    edited[1] = user("edited")
    assert sent(edited) == frozenset()
    assert sent(history) == {"sig1", "sig2"}


def test_block_without_digest_is_sent_as_before() -> None:
    history = conversation(1)
    (block,) = history[-1].thinking
    history[-1] = replace(history[-1], thinking=(replace(block, prefix=""),))
    history[1] = user("edited")
    assert sent(history) == {"sig1"}


def test_refused_signatures_are_never_sent() -> None:
    request = to_request(conversation(2), TOOLS, SendRules(refused={"sig1"}))
    assert "sig1" not in request.signatures


def test_unsigned_thinking_is_sent_only_to_servers_that_want_it() -> None:
    history = [user("q"), to_message([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}])]
    assert len(to_request(history).turns[1]["content"]) == 1
    assert len(to_request(history, (), SendRules(unsigned=True)).turns[1]["content"]) == 2


def test_white_space_at_a_pause_does_not_change_the_prefix_of_later_thinking() -> None:
    # The end of a paused answer is stripped, because the model continues it.
    paused = to_message([{"type": "text", "text": "Let me search. \n"}])
    history = [SYSTEM, user("Why?"), paused]
    first = to_request(history, TOOLS)
    assert first.turns[-1]["content"][-1]["text"] == "Let me search."
    going_on = answer(1, history)
    later = to_request([*history, going_on, user("next")], TOOLS)
    assert later.signatures == {"sig1"}
    assert later.turns[1]["content"][0] == first.turns[-1]["content"][-1]


def test_white_space_at_the_end_of_an_answered_turn_is_sent_unchanged() -> None:
    request = to_request([user("Why?"), LLMMessage("assistant", "So. \n"), user("next")])
    assert request.turns[1]["content"] == [{"type": "text", "text": "So. \n"}]
