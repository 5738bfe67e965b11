"""The layout of a session file, and that everything in it comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import emit_messages, emit_section, emit_session, emit_time
from aloop.memory.codec.serialization import load_session, read_quickly
from tests.memory.examples import ID, LATER, NOWHERE, RICH, answer, call, messages, result, session, user


def test_a_new_session_is_laid_out_as_the_specification_shows() -> None:
    meant = session(user("Hello"), answer(None, call()), result("4"), system="You are a helpful assistant.\n")
    assert emit_session(meant) == (
        "# yaml-language-server: $schema=../.session.schema.json\n"
        f"id: {ID}\n"
        'created_at: "2025-01-31T12:00:00.000+00:00"\n'
        'updated_at: "2025-01-31T12:00:00.000+00:00"\n'
        "\n"
        "system_messages:\n"
        "  - role: system\n"
        "    content: |\n"
        "      You are a helpful assistant.\n"
        "\n"
        "messages:\n"
        "  - role: user\n"
        '    content: "Hello"\n'
        "  - role: assistant\n"
        "    content: null\n"
        "    tool_calls:\n"
        "      - id: call_1\n"
        "        type: function\n"
        "        function:\n"
        "          name: calculator\n"
        '          arguments: \'{"expression": "2+2"}\'\n'
        "  - role: tool\n"
        '    content: "4"\n'
        "    tool_call_id: call_1\n"
        "    name: calculator\n"
        "...\n"
    )


def test_a_session_without_messages_says_so() -> None:
    assert emit_session(session()).endswith("\n\nsystem_messages: []\n\nmessages: []\n...\n")


def test_optional_keys_stand_only_where_they_carry_something() -> None:
    assert emit_messages([user("Hi")], 2) == '  - role: user\n    content: "Hi"\n'
    rich = replace(session(), title="A title", model="claude-test", forked_from=ID, version=2)
    assert f'title: "A title"\nmodel: claude-test\nforked_from: {ID}\nversion: 2\n' in emit_session(rich)


def test_the_column_is_that_of_the_dash() -> None:
    assert emit_messages([user("a\nb")], 0) == "- role: user\n  content: |-\n    a\n    b\n"
    assert emit_messages([user("a\nb")], 5) == "     - role: user\n       content: |-\n         a\n         b\n"


def test_a_block_that_ends_with_blank_lines_keeps_them_to_itself() -> None:
    """The blank line between two sections would become a part of it."""
    meant = session(user("Hi\n\n\n"), system="You are.\n\n")
    assert load_session(emit_session(meant).encode(), NOWHERE).system_messages == meant.system_messages
    assert emit_section("messages", meant.messages).endswith("|+\n      Hi\n\n\n")


def test_times_are_equally_wide() -> None:
    zone = timezone(timedelta(hours=-3, minutes=-30))
    assert emit_time(LATER) == '"2025-01-31T12:30:00.250+00:00"'
    assert emit_time(LATER.replace(microsecond=0).astimezone(zone)) == '"2025-01-31T09:00:00.000-03:30"'


def test_one_of_everything_comes_back() -> None:
    data = emit_session(session(*RICH, system="Be kind.")).encode()
    for loaded in (load_session(data, NOWHERE), read_quickly(data, NOWHERE)):
        assert loaded is not None
        assert loaded.messages == RICH
        assert loaded.system_messages == (LLMMessage("system", "Be kind."),)


@given(st.lists(messages, max_size=5).map(tuple), st.none() | st.text(), st.integers(0, 8))
@settings(max_examples=150)
def test_any_messages_come_back(given_messages: tuple[LLMMessage, ...], title: str | None, column: int) -> None:
    meant = replace(session(*given_messages), title=LLMMessage("user", title).content or "")
    data = emit_session(meant).encode()
    loaded, quick = load_session(data, NOWHERE), read_quickly(data, NOWHERE)
    assert loaded.messages == meant.messages
    assert not meant.title or loaded.title == meant.title
    assert quick is not None
    assert quick == loaded
    lines = emit_messages(given_messages, column)
    assert load_session(f"id: {ID}\nmessages:\n{lines or ' []'}".encode(), NOWHERE).messages == meant.messages
    # Others read it the same: the words of our keys are theirs.
    contents = [item["content"] for item in yaml.load(data, yaml.CSafeLoader)["messages"]]
    assert contents == [message.content for message in meant.messages]
