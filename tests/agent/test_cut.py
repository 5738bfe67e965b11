"""Where a conversation is cut: at a question if possible, and never between a call and its result."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.agent.compaction import choose_cut
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.context import project

PLENTY = 10_000


def turn(text: str, steps: int = 0) -> list[LLMMessage]:
    messages = [LLMMessage("user", text)]
    for number in range(steps):
        call = ToolCall(f"{text}-{number}", "calculator")
        messages.append(LLMMessage("assistant", tool_calls=(call,)))
        messages.append(LLMMessage("tool", "4" * 400, tool_call_id=call.id))
    return [*messages, LLMMessage("assistant", f"re: {text}")]


def test_the_last_two_turns_are_kept() -> None:
    talk = [*turn("one"), *turn("two", 1), *turn("three"), *turn("four", 1)]
    cut = choose_cut(talk, PLENTY)
    assert cut is not None
    assert talk[cut].content == "three"


def test_two_turns_are_cut_between_them() -> None:
    assert choose_cut([*turn("one"), *turn("two")], PLENTY) == 2


@pytest.mark.parametrize("talk", [[], turn("one"), turn("one", 3)])
def test_a_single_turn_that_fits_is_left_alone(talk: list[LLMMessage]) -> None:
    assert choose_cut(talk, PLENTY) is None


def test_a_large_last_turn_is_kept_alone() -> None:
    talk = [*turn("one"), *turn("two"), *turn("three", 3)]
    assert choose_cut(talk, 345) == 4


def test_a_turn_that_is_too_large_is_cut_between_its_steps() -> None:
    talk = [*turn("one"), *turn("two", 6)]
    cut = choose_cut(talk, 350)
    assert cut is not None
    assert cut > 2
    assert talk[cut].role == "assistant"
    assert talk[cut - 1].role == "tool"


def test_what_an_earlier_summary_stands_for_is_not_looked_at() -> None:
    summary = LLMMessage("user", "Summary", summary=True)
    talk = [*turn("one"), *turn("two"), summary, *turn("three")]
    assert choose_cut(talk, PLENTY) is None
    assert choose_cut([*talk, *turn("four"), *turn("five")], PLENTY) == 7


def test_skipped_messages_are_no_place_to_cut() -> None:
    talk = [*turn("one"), *[replace(message, skip=True) for message in turn("two")], *turn("three")]
    assert choose_cut(talk, PLENTY) == 4


@given(sizes=st.lists(st.integers(0, 5), max_size=6), room=st.integers(0, 1_500))
def test_no_call_is_ever_parted_from_its_result(sizes: list[int], room: int) -> None:
    talk = [message for number, steps in enumerate(sizes) for message in turn(str(number), steps)]
    cut = choose_cut(talk, room)
    if cut is not None:
        summary = LLMMessage("user", "Summary", summary=True)
        assert project((), [*talk[:cut], summary, *talk[cut:]]).repairs == ()
        assert project((), talk[:cut]).repairs == ()
