"""Session files in and out: what is read, what is refused and where, and that a cut one is never taken for whole."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.session import Session
from tests.memory.examples import ID, NOWHERE, RICH, SPEC_SAMPLE, answer, call, result, session, user

HEAD = f"id: {ID}\n".encode()


def load(data: bytes | str) -> Session:
    return load_session(data.encode() if isinstance(data, str) else data, NOWHERE)


def load_value(text: str) -> str | None:
    """Return the content that a message has when ``text`` is typed as its value."""
    return load(f"id: {ID}\nmessages:\n  - role: user\n    content: {text}\n").messages[0].content


def refusal(data: bytes | str) -> SessionFileError:
    with pytest.raises(SessionFileError) as caught:
        load(data)
    return caught.value


def place(data: bytes | str) -> tuple[int, int]:
    error = refusal(data)
    return error.line, error.column


def test_the_sample_of_the_specification_loads() -> None:
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
def test_a_tool_call_comes_back_with_its_arguments_to_the_character(arguments: str) -> None:
    meant = session(
        user("Go"), answer("I will.", call("c1", arguments), call("c2")), result("1", "c1"), result("2", "c2")
    )
    assert load(dump_session(meant)).messages == meant.messages


def test_a_whole_session_comes_back() -> None:
    meant = replace(session(*RICH, system="Be kind."), title="A title", model="m", forked_from=ID, path=NOWHERE)
    assert load(dump_session(meant)) == meant


def test_a_session_without_messages_comes_back() -> None:
    assert load(dump_session(session())) == replace(session(), path=NOWHERE)


def test_missing_keys_are_nothing() -> None:
    loaded = load(HEAD)
    assert (loaded.messages, loaded.system_messages, loaded.title) == ((), (), "")
    assert loaded.created_at == loaded.updated_at == datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def test_unknown_keys_are_passed_over() -> None:
    extra = (
        "colour: green\nnested: {a: [1, {b: c}]}\nmessages:\n  - role: user\n    content: Hi\n    mood:\n      - x\n"
    )
    assert load(HEAD + extra.encode()).messages == (user("Hi"),)


@pytest.mark.parametrize(
    "typed",
    ["no", "yes", "true", "10:30", "2025-01-31", "1_000", "0x1f", "1e3", ".inf", "=", "<<", "9" * 5_000, "1.10"],
)
def test_a_plain_word_is_text(typed: str) -> None:
    assert load_value(typed) == typed


@pytest.mark.parametrize("typed", ["null", "~", "", "Null", "# nothing but a comment"])
def test_nothing_is_nothing(typed: str) -> None:
    assert load_value(typed) is None


@pytest.mark.parametrize("typed", ['"null"', "'~'", "|-\n      null"])
def test_a_quoted_null_is_a_word(typed: str) -> None:
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
def test_what_an_editor_makes_of_the_bytes_costs_nothing(encode: Callable[[str], bytes]) -> None:
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
        ('a: "open\n', (3, 1), ""),
        ("a: b: c\n", (2, 5), "quotes"),
        ("messages: text\n", (2, 11), "must be a list"),
        ("messages: {a: b}\n", (2, 11), "must be a list"),
        ("messages:\n  - text\n", (3, 5), "must be a mapping"),
        ("messages:\n  - content: x\n", (3, 5), "no role"),
        ("messages:\n  - role: robot\n", (3, 11), "unknown role 'robot'"),
        ("messages:\n  - role: user\n    content: [a]\n", (4, 14), "content must be text"),
        ("messages:\n  - role: user\n    skip: perhaps\n", (4, 11), "true or false"),
        ("messages:\n  - role: assistant\n    tool_calls:\n      - id: c\n", (5, 9), "function"),
        ("messages:\n  - role: assistant\n    usage: {input_tokens: many}\n", (4, 27), "whole number"),
        ("updated_at: yesterday\n", (2, 13), "must be a time"),
    ],
)
def test_what_is_no_session_is_refused_with_its_place(text: str, where: tuple[int, int], reason: str) -> None:
    error = refusal(HEAD + text.encode())
    assert (error.line, error.column) == where
    assert reason in error.reason
    assert error.path == NOWHERE
    assert str(error) == f"{NOWHERE}:{where[0]}:{where[1]}: {error.reason}"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n", b"---\n...\n", b"~", b"null\n"])
def test_an_empty_file_says_so(data: bytes) -> None:
    assert "empty" in refusal(data).reason or "mapping" in refusal(data).reason


@pytest.mark.parametrize("data", ["- a\n", "text\n", "[]\n"])
def test_a_file_that_is_no_mapping_is_refused(data: str) -> None:
    assert "mapping" in refusal(data).reason


@pytest.mark.parametrize("identity", ["", "id:", "id: null", "id: 12", "id: ../../etc", f"id: {ID}0", "id: [a]"])
def test_a_session_without_a_proper_id_is_refused(identity: str) -> None:
    assert place(f"{identity}\ntitle: x\n")[0] in {1, 2}


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
def test_bytes_that_are_no_text_are_refused_with_their_place(data: bytes, where: tuple[int, int]) -> None:
    assert "UTF" in refusal(data).reason
    assert place(data) == where


def test_depth_is_counted_before_it_can_hurt() -> None:
    """Twenty-five thousand levels end a careless reader with a segmentation fault."""
    for opener in ("[", "{a: ", "- ", "? "):
        assert refusal(HEAD + b"x:\n  " + (opener * 25_000).encode()).line >= 2


def test_a_bomb_of_aliases_does_not_go_off() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    assert "anchor" in refusal(HEAD + "\n".join(lines).encode()).reason


def test_thirty_two_levels_are_deep_enough() -> None:
    assert load(HEAD + f"x: {'[' * 31}{']' * 31}\n".encode()).id == ID


def test_messages_below_the_end_marker_are_read_as_if_above() -> None:
    data = dump_session(session(user("One")))
    loaded = load(data + b"  - role: assistant\n    content: Two\n")
    assert loaded.messages == (user("One"), answer("Two"))
    assert "below the end marker" in loaded.warnings[0]


def test_a_new_file_without_its_end_is_told_of() -> None:
    loaded = load(dump_session(session(user("One"))).removesuffix(b"...\n"))
    assert loaded.messages == (user("One"),)
    assert "its end may be missing" in loaded.warnings[0]


def test_a_file_that_never_promised_an_end_needs_none() -> None:
    assert load(HEAD).warnings == ()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_cut_at_any_byte_is_never_taken_for_whole(ending: str) -> None:
    """But for the final line end, and the last dot's: the marker is then all there."""
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


def test_a_title_is_the_first_line_that_the_user_wrote() -> None:
    assert load(dump_session(session(user("\n\n  A   first\tline \nand more")))).title == "A first line"
    assert load(dump_session(session(user("x" * 200)))).title == "x" * 79 + "…"
    assert load(dump_session(session(answer("Hi")))).title == ""


def test_the_path_is_that_of_the_file(tmp_path: Path) -> None:
    assert load_session(HEAD, tmp_path / "x").path == tmp_path / "x"
