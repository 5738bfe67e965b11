"""What is known of a session without reading it: how it began, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory import SessionLibrary
from aloop.memory.codec.serialization import dump_session
from aloop.memory.sessions_dir.excerpts import ENOUGH, find_first_question, read_ending
from tests.benchmarks.sample import conversation
from tests.export.test_export import session
from tests.saved_sessions import FIRST, SECOND, break_session, save


@pytest.mark.parametrize(
    "said",
    ["one line", "two\nlines", "  indented\n\nand more", 'with "quotes" and: colons', "日本語 🎉", "it's", "true"],
)
def test_the_first_question_is_found_as_aloop_writes_it(said: str) -> None:
    data = dump_session(session(LLMMessage("user", said), LLMMessage("user", "another")))
    assert find_first_question(data) == " ".join(said.split())


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("messages:\n- role: user\n  content: plain\n- role: user\n  content: b\n", "plain"),
        ("messages:\n- role: 'user'\n  content: >-\n    folded\n    text\n- role: x\n", "folded text"),
        ('messages:\n  - role: user\n    content: "cut in the mid', "cut in the mid"),
        ("messages: []\n", ""),
        ("", ""),
    ],
)
def test_so_it_mostly_is_as_hands_write_it(text: str, opening: str) -> None:
    assert find_first_question(text.encode()) == opening


async def test_openings_are_by_id_and_broken_sessions_hide_none(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="About the weather")
    save(sessions_dir, SECOND, says="About the sea")
    break_session(sessions_dir)
    found = await SessionLibrary(sessions_dir).list_first_questions()
    assert (found[FIRST], found[SECOND]) == ("About the weather", "About the sea")


def test_the_end_of_a_long_conversation_is_read_alone() -> None:
    talk = conversation(1_000_000)
    ending = read_ending(dump_session(talk), Path())
    assert 0 < len(ending) < len(talk.messages) / 4
    assert talk.messages[-len(ending) :] == ending


def test_of_a_long_one_shaped_by_hand_all_is_read() -> None:
    lines = "".join(f"- {{role: user, content: number {number}}}\n" for number in range(10_000))
    data = f"id: {FIRST}\nmessages:\n{lines}".encode()
    assert len(data) > ENOUGH
    assert read_ending(data, Path())[-1].content == "number 9999"


def test_a_broken_one_tells_its_place() -> None:
    with pytest.raises(SessionFileError, match=":3:"):
        read_ending(b"id: x\nmessages:\n  - 'no end", Path("session.yaml"))
