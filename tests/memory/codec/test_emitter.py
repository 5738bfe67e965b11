"""The layout of session files, and round trips of any text through all parsers."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import emit_messages, emit_section, emit_session, emit_text, emit_time, emit_word
from aloop.memory.codec.serialization import load_session, parse, read_quickly, session_text
from aloop.text import clean_text
from tests.memory.examples import ID, LATER, NOWHERE, RICH, answer, call, messages, result, session, texts, user
from tests.properties import scaled


def test_text_of_a_large_session_is_in_memory_once() -> None:
    large = session(*(user(f"{number} — " + "words and more of them\n" * 2_000) for number in range(40)))
    tracemalloc.start()
    data = session_text(large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * len(data)


def test_new_session_has_the_layout_of_the_specification() -> None:
    meant = session(user("Hello"), answer(None, call()), result("4"), system="You are a helpful assistant.\n")
    assert "".join(emit_session(meant)) == (
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


def test_session_without_messages_has_empty_lists() -> None:
    assert "".join(emit_session(session())).endswith("\n\nsystem_messages: []\n\nmessages: []\n...\n")


def test_empty_optional_keys_are_omitted() -> None:
    assert emit_messages([user("Hi")], 2) == '  - role: user\n    content: "Hi"\n'
    rich = replace(session(), title="A title", model="claude-test", forked_from=ID, version=2)
    rich = replace(rich, system_digest="1234567890123456", tools_digest="a1b2c3d4e5f67890")
    lines = 'system_digest: "1234567890123456"\ntools_digest: a1b2c3d4e5f67890\nversion: 2\n'
    assert f'title: "A title"\nmodel: claude-test\nforked_from: {ID}\n{lines}' in "".join(emit_session(rich))


def test_column_is_that_of_the_dash() -> None:
    assert emit_messages([user("a\nb")], 0) == "- role: user\n  content: |-\n    a\n    b\n"
    assert emit_messages([user("a\nb")], 5) == "     - role: user\n       content: |-\n         a\n         b\n"


def test_block_with_trailing_blank_lines_round_trips() -> None:
    """A blank line between the sections would become part of the block."""
    meant = session(user("Hi\n\n\n"), system="You are.\n\n")
    assert load_session("".join(emit_session(meant)).encode(), NOWHERE).system_messages == meant.system_messages
    assert emit_section("messages", meant.messages).endswith("|+\n      Hi\n\n\n")


def test_times_have_equal_width() -> None:
    zone = timezone(timedelta(hours=-3, minutes=-30))
    assert emit_time(LATER) == '"2025-01-31T12:30:00.250+00:00"'
    assert emit_time(LATER.replace(microsecond=0).astimezone(zone)) == '"2025-01-31T09:00:00.000-03:30"'


def test_messages_with_all_fields_round_trip() -> None:
    data = "".join(emit_session(session(*RICH, system="Be kind."))).encode()
    for loaded in (load_session(data, NOWHERE), read_quickly(data, NOWHERE)):
        assert loaded is not None
        assert loaded.messages == RICH
        assert loaded.system_messages == (LLMMessage("system", "Be kind."),)


@pytest.mark.slow
@given(st.lists(messages, max_size=5).map(tuple), st.none() | st.text(), st.integers(0, 8))
@settings(max_examples=scaled(150))
def test_any_messages_round_trip(given_messages: tuple[LLMMessage, ...], title: str | None, column: int) -> None:
    meant = replace(session(*given_messages), title=LLMMessage("user", title).content or "")
    data = "".join(emit_session(meant)).encode()
    loaded, quick = load_session(data, NOWHERE), read_quickly(data, NOWHERE)
    assert loaded.messages == meant.messages
    assert not meant.title or loaded.title == meant.title
    # The fast reader leaves keys with line feeds and escapes, which no one has but a test, to the other one.
    assert quick is not None or re.search(rb"^ *(?:- )*(?:\? |\"[^\"\n]*\\)", data, re.MULTILINE)
    assert quick in (None, loaded)
    lines = emit_messages(given_messages, column)
    assert load_session(f"id: {ID}\nmessages:\n{lines or ' []'}".encode(), NOWHERE).messages == meant.messages
    # A generic YAML parser reads the same contents, except where images make a content a list.
    for item, message in zip(yaml.load(data, yaml.CSafeLoader)["messages"], meant.messages, strict=True):
        assert item["content"] == message.content or isinstance(item["content"], list)


BATCH = 20
# Realistic multi-line texts: the sources of the standard library.
LIBRARY = Path(os.__file__).parent


def document(batch: list[str]) -> bytes:
    """Return a session with each text as a content and as an identifier."""
    items = [
        f"  - role: tool\n    content: {emit_text(text, 6)}\n    name: {emit_word(text, 6)}\n    skip: true\n"
        for text in batch
    ]
    return f"id: {ID}\nmessages:\n{''.join(items)}...\n".encode()


def assert_comes_back(batch: list[str]) -> None:
    data, meant = document(batch), [clean_text(text) for text in batch]
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        loaded = yaml.load(data, loader)["messages"]
        assert [item["content"] for item in loaded] == meant
        assert [item["name"] for item in loaded] == meant
    # The full parser of aloop, and the fast one for canonical files.
    ours = load_session(data, NOWHERE), read_quickly(data, NOWHERE)
    for loaded in ours:
        assert loaded is not None
        assert [message.content for message in loaded.messages] == meant
        assert [message.name for message in loaded.messages] == meant
    assert parse(data, NOWHERE).ended


@pytest.mark.slow
@given(st.lists(texts, min_size=BATCH, max_size=BATCH))
@settings(max_examples=2_000 // BATCH)
def test_any_text_round_trips_in_all_parsers(batch: list[str]) -> None:
    assert_comes_back(batch)


@pytest.mark.stress
@given(st.lists(texts, min_size=BATCH, max_size=BATCH))
@settings(max_examples=100_000 // BATCH)
def test_hundred_thousand_texts_round_trip_in_all_parsers(batch: list[str]) -> None:
    assert_comes_back(batch)


def library_texts(limit: int | None) -> Iterator[str]:
    sources = sorted(LIBRARY.glob("*.py")) if limit else sorted(LIBRARY.rglob("*.py"))
    for path in sources[:limit]:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:  # some test files are not UTF-8 on purpose
            continue
        if "\n" in text.strip():
            yield text


@pytest.mark.parametrize("limit", [150, pytest.param(None, marks=pytest.mark.stress)])
def test_source_files_are_emitted_as_literal_blocks(limit: int | None) -> None:
    """Complete files, and the excerpts of them that a tool returns."""
    kept = total = 0
    for text in library_texts(limit):
        lines = text.splitlines(keepends=True)
        for piece in (text, *("".join(lines[start : start + 80]) for start in range(0, len(lines), 80))):
            if "\n" in piece.strip("\n"):
                total += 1
                kept += emit_text(piece, 6).startswith("|")
    assert total > 1_000
    assert kept / total >= 0.995, f"{kept} of {total}"


@pytest.mark.parametrize(
    ("text", "emitted"),
    [
        ("Hello", '"Hello"'),
        ("", '""'),
        ("null", '"null"'),
        ("  spaces  ", '"  spaces  "'),
        ('{"a": 1}', "'{\"a\": 1}'"),
        ("it's a \\", "'it''s a \\'"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\n\nb\n\n", "|+\n  a\n\n  b\n"),
        ("\na", "|2-\n\n  a"),
        ("  a\nb", "|2-\n    a\n  b"),
        ("\ta\nb", "|2-\n  \ta\n  b"),
        ("a \n\tb\n  ", "|-\n  a \n  \tb\n    "),
        ("🎈\tballoon \nnext", "|-\n  🎈\tballoon \n  next"),
        ("\n", '"\\n"'),
        ("\n\n", '"\\n\\\n  \\n"'),
        ("a\tb", '"a\\tb"'),
        ("a\r\nb\r\n", '"a\\r\\n\\\n  b\\r\\n"'),
        ("a\x1b[31m\n  b", '"a\\e[31m\\n\\\n  \\  b"'),
        ("\x85\u2028\ufeff", '"\\x85\\u2028\\ufeff"'),
        ("\ud83d\ude00", '"😀"'),
    ],
)
def test_text_is_emitted_in_its_most_readable_form(text: str, emitted: str) -> None:
    assert emit_text(text, 2) == emitted


def test_lone_surrogate_becomes_the_replacement_character() -> None:
    assert emit_text("a\ud800b", 2) == '"a\ufffdb"'


@pytest.mark.parametrize("word", ["call_abc123", "claude-3.5", "a/b:c", ID, "toolu_01AbC", "user"])
def test_identifier_is_plain(word: str) -> None:
    assert emit_word(word, 2) == word


@pytest.mark.parametrize(
    "word", ["null", "Yes", "OFF", "n", "1", "1e3", "0x1f", "10:30", "2025-01-31", "", "-a", "a b", "a-", "a:", "ä"]
)
def test_ambiguous_word_is_quoted(word: str) -> None:
    assert emit_word(word, 2) == f'"{word}"'


def test_word_with_a_trailing_newline_is_not_plain() -> None:
    assert emit_word("call_1\n", 2) == "|\n  call_1"
    assert emit_word(f"{ID}\n", 2) == f"|\n  {ID}"


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\u2060", "\U000e0041", "\ufeff", "\x9b", "\x1b"])
def test_text_that_would_hide_or_reorder_something_is_escaped(hidden: str) -> None:
    """An editor then shows what the model reads."""
    for text in (f"a{hidden}b", f"one\ntw{hidden}o\nthree\n"):
        meant = session(user(text), answer(text, call(arguments=json.dumps({"path": text}, ensure_ascii=False))))
        data = bytes(session_text(meant))
        assert hidden not in data.decode()
        assert load_session(data, NOWHERE).messages == meant.messages
        assert yaml.safe_load(data)["messages"][0]["content"] == text


def test_text_with_joiners_and_reading_marks_stays_readable() -> None:
    """Emoji, Persian and mixed directions need them."""
    text = "👩\u200d💻\nمی\u200cخواهم\u200f!\n"
    assert emit_text(text, 4) == "|\n    👩\u200d💻\n    می\u200cخواهم\u200f!"
