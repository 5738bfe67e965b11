"""The fast reader: it reads what the emitter writes, and never anything else differently than YAML does."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
from aloop.memory.canonical import read_canonical
from aloop.memory.schema import Refused, read_session
from aloop.memory.serialization import dump_session, interpret, parse
from aloop.memory.session import Session

PATH = Path("session.yaml")
NOW = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
TEXTS = (
    "one line",
    "a 'quote' and \"another\"",
    "two\nlines\n",
    "  indented\n\n\tand a tab\n\n\n",
    "\x1b[1mbold\x1b[0m\n  \n ends in spaces \n   ",
    "é ☃ \U0001f600\nwide",
    "",
)
PIECES = (
    *(b"\n", b" ", b"  ", b"    ", b'"', b"'", b"|", b":", b": ", b"-", b"- ", b"...\n", b"---\n", b"#", b" # c\n"),
    *(
        b"\\",
        b"\\\n",
        b"\t",
        b"{",
        b"}",
        b"[]",
        b"null",
        b"\r",
        b"\xc2\x85",
        b"a",
        b"2",
        b"+",
        b"\n\n",
        b"&",
        b"*",
        b"!",
    ),
    *(
        b"%",
        b",",
        b"\x00",
        b"\xff",
        b"  - role: user\n",
        b"id: x\n",
        b"messages:\n",
        b"\\x41",
        b"\\ud800",
        b"\xef\xbb\xbf",
    ),
)


def session_of(text: str) -> Session:
    call = ToolCall("call_1", "calculator", text)
    messages = (
        LLMMessage(role="user", content=text),
        LLMMessage(
            role="assistant", tool_calls=(call,), thinking=(ThinkingBlock(text, "s", "", 1),), usage=Usage(1, 2)
        ),
        LLMMessage(role="tool", content=text, tool_call_id="call_1", name="calculator", is_error=True),
    )
    system = (LLMMessage(role="system", content=text),)
    return Session("a1b2c3d4-5678-90ab-cdef-1234567890ab", NOW, NOW, system, messages, PATH, title="A title")


def read_quickly(data: bytes) -> Session | None:
    root = read_canonical(data)
    try:
        return read_session(root, PATH) if root else None
    except Refused:
        return None


def read_slowly(data: bytes) -> Session | None:
    try:
        return interpret(parse(data, PATH), PATH)
    except SessionFileError:
        return None


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` with one to three small damages, of the kinds that hands and programs do to YAML."""
    text = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        place = chance.randrange(len(text))
        kind = chance.randrange(4)
        if kind == 0:
            text[place:place] = chance.choice(PIECES)
        elif kind == 1:
            del text[place : place + chance.choice((1, 1, 2, 6, 20))]
        elif kind == 2:
            text[place : place + 1] = chance.choice(PIECES)
        else:
            lines = text.split(b"\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            text = bytearray(b"\n".join(lines))
    return bytes(text)


def assert_never_read_differently(cases: int) -> int:
    chance = random.Random(20260131)
    bases = [dump_session(session_of(text)) for text in TEXTS]
    accepted = 0
    for _ in range(cases):
        data = mutate(chance.choice(bases), chance)
        quick = read_quickly(data)
        if quick is not None:
            accepted += 1
            assert quick == read_slowly(data), data.decode(errors="replace")
    return accepted


@pytest.mark.parametrize("text", TEXTS)
def test_what_the_emitter_writes_is_read_quickly(text: str) -> None:
    session = session_of(text)
    assert read_quickly(dump_session(session)) == session


@given(st.text(st.one_of(st.sampled_from("\n\n \t\r\x85\u2028\ufeff\x1b\\\"'#:-.|"), st.characters())))
def test_any_text_is_read_quickly_and_right(text: str) -> None:
    session = session_of(text)
    assert read_quickly(dump_session(session)) == session


def test_damaged_files_are_never_read_differently_than_yaml_reads_them() -> None:
    assert assert_never_read_differently(2_000) > 100


@pytest.mark.stress
def test_a_hundred_thousand_damaged_files_are_never_read_differently() -> None:
    assert assert_never_read_differently(100_000) > 5_000


@pytest.mark.parametrize(
    "line",
    [
        "# a comment\n",
        "? key\n",
        "note: >\n  folded\n",
        "note: |3\n   text\n",
        "note: &a text\n",
        'note: "two\n  lines"\n',
        "note: plain words\n",
    ],
)
def test_what_is_not_our_own_form_is_left_to_the_parser(line: str) -> None:
    text = dump_session(session_of("x")).decode()
    assert read_canonical(text.replace("title:", f"{line}title:").encode()) is None


def test_a_text_without_its_end_is_left_to_the_parser() -> None:
    data = dump_session(session_of("x\ny"))
    assert all(read_canonical(data[:end]) is None for end in range(len(data) - 1))
