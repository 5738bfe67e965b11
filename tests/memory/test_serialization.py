"""Reading and writing session files: round trips, errors and cut files."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from aloop.errors import SessionFileError
from aloop.llm.json_values import EMPTY
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.session import Session
from tests.memory.examples import ID, NOWHERE, RICH, SPEC_SAMPLE, answer, call, result, session, user

HEAD = f"id: {ID}\n".encode()


def load(data: bytes | str) -> Session:
    return load_session(data.encode() if isinstance(data, str) else data, NOWHERE)


def load_value(text: str) -> str | None:
    """Return the content of a message whose value is written as ``text``."""
    return load(f"id: {ID}\nmessages:\n  - role: user\n    content: {text}\n").messages[0].content


def rejection(data: bytes | str) -> SessionFileError:
    with pytest.raises(SessionFileError) as caught:
        load(data)
    return caught.value


def position(data: bytes | str) -> tuple[int, int]:
    error = rejection(data)
    return error.line, error.column


def test_specification_sample_loads() -> None:
    loaded = load(SPEC_SAMPLE)
    assert loaded.id == "a1b2c3d4-5678-90ab-cdef-1234567890ab"
    assert loaded.created_at == datetime(2025, 1, 31, 14, 30).astimezone()  # naive, as in the file
    assert loaded.system_messages == (LLMMessage("system", "You are a helpful assistant.\n"),)
    assert loaded.messages == (
        user("Hello"),
        answer(None, ToolCall("call_abc123", "calculator", '{"expression": "2+2"}')),
        result("4", "call_abc123"),
    )
    assert loaded.title == "Hello"
    assert loaded.warnings == ()


@pytest.mark.parametrize("arguments", ["{}", "", "not json", '{"a": "b\\nc"}', '{\n  "a": 1\n}', "'", "a: b # c"])
def test_tool_call_arguments_round_trip(arguments: str) -> None:
    meant = session(
        user("Go"), answer("I will.", call("c1", arguments), call("c2")), result("1", "c1"), result("2", "c2")
    )
    assert load(dump_session(meant)).messages == meant.messages


def test_session_with_all_fields_round_trips() -> None:
    meant = replace(session(*RICH, system="Be kind."), title="A title", model="m", forked_from=ID, path=NOWHERE)
    meant = replace(meant, system_digest="12345678e1234567", tools_digest="0123456789012345")
    assert load(dump_session(meant)) == meant


def test_session_without_messages_round_trips() -> None:
    assert load(dump_session(session())) == replace(session(), path=NOWHERE)


def test_missing_keys_have_defaults() -> None:
    loaded = load(HEAD)
    assert (loaded.messages, loaded.system_messages, loaded.title) == ((), (), "")
    assert loaded.created_at == loaded.updated_at == datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def test_unknown_keys_are_kept_as_extra() -> None:
    extra = "color: green\nnested: {a: [1, {b: c}]}\nmessages:\n  - role: user\n    content: Hi\n    mood:\n      - x\n"
    loaded = load(HEAD + extra.encode())
    assert loaded.extra == {"color": "green", "nested": {"a": [1, {"b": "c"}]}}
    assert loaded.messages[0].extra == {"mood": ["x"]}
    assert replace(loaded.messages[0], extra=EMPTY) == user("Hi")


@pytest.mark.parametrize(
    "typed",
    ["no", "yes", "true", "10:30", "2025-01-31", "1_000", "0x1f", "1e3", ".inf", "=", "<<", "9" * 5_000, "1.10"],
)
def test_plain_scalar_is_text(typed: str) -> None:
    assert load_value(typed) == typed


@pytest.mark.parametrize("typed", ["null", "~", "", "Null", "# nothing but a comment"])
def test_plain_null_is_none(typed: str) -> None:
    assert load_value(typed) is None


@pytest.mark.parametrize("typed", ['"null"', "'~'", "|-\n      null"])
def test_quoted_null_is_text(typed: str) -> None:
    assert load_value(typed) in {"null", "~"}


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
    ],
    ids=["BOM", "UTF-16 LE", "UTF-16 BE", "CRLF", "CR"],
)
def test_encodings_and_line_ends_of_editors_are_read(encode: Callable[[str], bytes]) -> None:
    meant = session(*RICH, system="Be kind.")
    loaded = load(encode(dump_session(meant).decode()))
    assert (loaded.messages, loaded.system_messages, loaded.warnings) == (meant.messages, meant.system_messages, ())


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("a: &name b\n", (2, 4), "anchor"),
        ("a: *name\n", (2, 4), "alias"),
        ("a: !!python/object:os.system x\n", (2, 4), "tag"),
        ("a: ! x\n", (2, 4), "tag"),
        ("a: &x [*x]\n", (2, 4), "anchor"),
        ("messages: !t []\n", (2, 11), "tag"),
        ("a: b\na: c\n", (3, 1), "duplicate key"),
        (f"id: {ID}\n", (2, 1), "duplicate key"),
        ("messages:\n  - role: user\n    role: tool\n", (4, 5), "duplicate key"),
        ("---\na: b\n", (2, 1), "second document"),
        ("...\na: b\n", (3, 1), "second document"),
        ("...\nmore\n", (3, 1), "second document"),
        ("...\n- role: user\n...\n- role: user\n", (5, 1), "document"),
        (f"a: {'[' * 40}{']' * 40}\n", (2, 35), "32 levels"),
        ("? [a, b]\n: c\n", (2, 3), "key must be a word"),
        ("a: \x07\n", (2, 4), "control character"),
        ("a: \ufffe\n", (2, 4), "control character"),
        ('messages:\n  - role: user\n    content: "é\x1b"\n', (4, 16), "control character"),
        ("\tb: c\n", (2, 1), "tab"),
        ('a: "open\n', (2, 4), "no closing quote"),
        ("messages:\n  - role: user\n    content: 'open\n...\n", (4, 14), "no closing quote"),
        ('a:\n  b: "open\n  c: |\n    x\n  d: "closed"\n', (3, 6), "ends in line 6: is its closing quote missing"),
        ("a: 'open\nb: |\n  It's\n", (2, 4), "ends in line 4: is its closing quote missing"),
        ("a: 'one\n  two' three\n", (2, 4), "ends in line 3: is its closing quote missing"),
        ("a: 'one' two\n", (2, 10), "expected key"),
        ("a: [b\nc: d\n", (2, 4), "the bracket that opens here is not closed"),
        ("a: {b: c\n", (2, 4), "the bracket that opens here is not closed"),
        ("a: [b\n\nc: d\n", (2, 4), "not closed, or a comma is missing before line 4"),
        ("messages: [\n  - role: user\n", (2, 11), "the bracket that opens here is not closed"),
        ("a: [\nmessages: []\n", (2, 4), "the bracket that opens here is not closed"),
        ("a: [{b: c},\n", (2, 4), "the bracket that opens here is not closed"),
        ("a: *bold* text\n", (2, 4), "aliases"),
        ("a: b\nno colon\n\n\nc: d\n", (3, 1), "':'"),
        ("a: b: c\n", (2, 5), "quotes"),
        ("messages: text\n", (2, 11), "must be a list"),
        ("messages: {a: b}\n", (2, 11), "must be a list"),
        ("messages:\n  - text\n", (3, 5), "must be a mapping"),
        ("messages:\n  - content: x\n", (3, 5), "no role"),
        ("messages:\n  - role: robot\n", (3, 11), "unknown role 'robot'"),
        ("messages:\n  - role: user\n    content: [a]\n", (4, 15), "content must be text"),
        ("messages:\n  - role: user\n    skip: perhaps\n", (4, 11), "true or false"),
        ("messages:\n  - role: assistant\n    tool_calls:\n      - id: c\n", (5, 9), "function"),
        ("messages:\n  - role: assistant\n    usage: {input_tokens: many}\n", (4, 27), "whole number"),
        ("updated_at: yesterday\n", (2, 13), "must be a time"),
    ],
)
def test_invalid_session_is_rejected_with_line_and_column(text: str, where: tuple[int, int], reason: str) -> None:
    error = rejection(HEAD + text.encode())
    assert (error.line, error.column) == where
    assert reason in error.reason
    assert error.path == NOWHERE
    assert str(error) == f"{NOWHERE}:{where[0]}:{where[1]}: {error.reason}"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n", b"---\n...\n", b"~", b"null\n"])
def test_empty_file_is_rejected(data: bytes) -> None:
    assert "empty" in rejection(data).reason or "mapping" in rejection(data).reason


@pytest.mark.parametrize("data", ["- a\n", "text\n", "[]\n"])
def test_document_that_is_not_a_mapping_is_rejected(data: str) -> None:
    assert "mapping" in rejection(data).reason


@pytest.mark.parametrize("identity", ["", "id:", "id: null", "id: 12", "id: ../../etc", f"id: {ID}0", "id: [a]"])
def test_session_without_a_valid_id_is_rejected(identity: str) -> None:
    assert position(f"{identity}\ntitle: x\n")[0] in {1, 2}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (HEAD + b"title: \xff\n", (2, 8)),
        (HEAD + "title: é".encode() + b"\xff\n", (2, 9)),
        (HEAD + b"title: \xed\xa0\x80\n", (2, 8)),
        (codecs.BOM_UTF8 + b"a: b\nc: \xff", (2, 4)),
        (codecs.BOM_UTF16_LE + "a: b\nc: ".encode("utf-16-le") + b"\x00\xdc", (2, 4)),
    ],
    ids=["byte", "after é", "surrogate", "BOM", "UTF-16"],
)
def test_invalid_encoding_is_rejected_with_line_and_column(data: bytes, where: tuple[int, int]) -> None:
    assert "UTF" in rejection(data).reason
    assert position(data) == where


def test_excessive_nesting_is_rejected_without_recursion() -> None:
    """Recursive parsers crash at 25,000 levels."""
    for opener in ("[", "{a: ", "- ", "? "):
        assert rejection(HEAD + b"x:\n  " + (opener * 25_000).encode()).line >= 2


def test_alias_bomb_is_rejected() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    assert "anchor" in rejection(HEAD + "\n".join(lines).encode()).reason


def test_thirty_two_levels_of_nesting_are_accepted() -> None:
    assert load(HEAD + f"x: {'[' * 31}{']' * 31}\n".encode()).id == ID


def test_messages_below_the_end_marker_are_read() -> None:
    data = dump_session(session(user("One")))
    loaded = load(data + b"  - role: assistant\n    content: Two\n")
    assert loaded.messages == (user("One"), answer("Two"))
    assert "below the end marker" in loaded.warnings[0]


def test_missing_end_marker_is_a_warning() -> None:
    loaded = load(dump_session(session(user("One"))).removesuffix(b"...\n"))
    assert loaded.messages == (user("One"),)
    assert "its end may be missing" in loaded.warnings[0]


def test_file_without_schema_line_needs_no_end_marker() -> None:
    assert load(HEAD).warnings == ()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_file_cut_at_any_byte_is_detected(ending: str) -> None:
    """Except if only the final line end is missing: the end marker is then complete."""
    data = dump_session(session(*RICH, system="Be kind.\n")).replace(b"\n", ending.encode())
    silent, places = [], []
    for length in range(len(data)):
        try:
            loaded = load_session(data[:length], NOWHERE)
        except SessionFileError as error:
            places.append((error.line, error.column))
        else:
            if not loaded.warnings:
                silent.append(len(data) - length)
    assert all(line >= 1 and column >= 1 for line, column in places)
    assert silent == [*range(len(ending), 0, -1)]


def test_title_is_the_first_line_of_the_user() -> None:
    assert load(dump_session(session(user("\n\n  A   first\tline \nand more")))).title == "A first line"
    assert load(dump_session(session(user("x" * 200)))).title == "x" * 79 + "…"
    assert load(dump_session(session(answer("Hi")))).title == ""


def test_loaded_session_has_the_given_path(tmp_path: Path) -> None:
    assert load_session(HEAD, tmp_path / "x").path == tmp_path / "x"
