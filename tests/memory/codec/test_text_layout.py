"""Saves to handwritten files add new messages and keep everything else."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
import yaml

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import unfold
from aloop.memory.codec.emitter import emit_messages, emit_section, emit_time
from aloop.memory.codec.serialization import ParsedDocument, dump_session, load_session, parse
from aloop.memory.codec.splice import splice
from aloop.memory.codec.text_layout import (
    InsertionPoint,
    InsertionPoints,
    TextLayout,
    canonical_insertion_points,
    find_insertion_points,
    section_edit,
)
from tests.memory.examples import ID, LATER, NOWHERE, RICH, SPEC_SAMPLE, answer, call, result, session, user
from tests.memory.handwritten import Handwritten, write_by_hand

STAMP = emit_time(LATER)
NEWS = (
    (user("Hi"),),
    (user("a\nb\n\n\n"),),
    (user("one\ntwo"), answer("three\n")),
    (answer(None, call()), result("4")),
    (user("\x07bell\r\n and é🎈\n"), answer("x\n\n")),
    RICH,
)


def test_characters_of_a_long_text_are_converted_to_bytes_in_any_order() -> None:
    content = "".join(random.Random(1).choices("aé漢🎈", k=35_000))
    text = f'id: {ID}\nmessages:\n  - role: user\n    content: "{content}"\n'
    layout = TextLayout(parse(text.encode(), NOWHERE))
    for offset in (0, 25_000, 9_999, 10_000, 10_001, 30_000, len(text), 7):
        assert layout.at(offset) == len(text[:offset].encode())


def prepare(text: str) -> tuple[ParsedDocument, InsertionPoints]:
    """Return a text, unfolded if necessary, and its insertion points."""
    parsed = parse(text.encode(), NOWHERE)
    points = find_insertion_points(parsed)
    if points is None:
        parsed = parse(unfold(parsed).encode(), NOWHERE)
        points = find_insertion_points(parsed)
    assert points is not None
    return parsed, points


def save(text: str, new: tuple[LLMMessage, ...]) -> str:
    parsed, points = prepare(text)
    edits = points.edits(STAMP, emit_messages(new, points.column))
    return b"".join(splice(parsed.source.text.encode(), edits)).decode()


def take_back(saved: str, block: str, hand: Handwritten) -> str:
    """Return ``saved`` without the lines and the time that a save adds."""
    newline, margin = hand.newline, " " * hand.root
    block, section = block.replace("\n", newline), f"{newline}{margin}messages:{newline}"
    for text, instead in (
        (section + block if hand.form == "missing" else block, ""),
        (f"{margin}updated_at: {STAMP}{newline}", "") if hand.stamp is None else (f"updated_at: {STAMP}", _stamp(hand)),
    ):
        assert saved.count(text) == 1, (text, saved)
        saved = saved.replace(text, instead)
    return saved


def _stamp(hand: Handwritten) -> str:
    return f"updated_at: {hand.stamp}" if hand.stamp else "updated_at:"


def others(text: str) -> dict[str, object]:
    """Return the keys that a save does not change, read by a generic parser."""
    loaded = yaml.load(text, yaml.CBaseLoader)
    return {key: value for key, value in loaded.items() if key not in {"messages", "updated_at"}}


def assert_kept(hand: Handwritten, saved: str, block: str) -> None:
    """Compare a file before and after a save, byte by byte if its style is kept."""
    if hand.form in {"flow", "braces"}:
        assert others(saved) == others(hand.text)
        lines = iter(saved.split(hand.newline))
        kept = [line for line in hand.text.split(hand.newline) if "{role:" not in line and "updated_at" not in line]
        assert hand.form == "braces" or all(line in lines for line in kept), saved
        return
    left, original = take_back(saved, block, hand), hand.text
    if hand.empty:
        original = original.replace(f"messages: {hand.empty}", "messages: ")
    if hand.form == "below":
        # The end marker has moved below; the rest of its line has not.
        left, original = (
            re.sub(r"(?m)^(?:\.\.\.[ \t]*|#)(?:\r?\n|\Z)|^\.\.\.[ \t]*", "", text) for text in (left, original)
        )
    else:
        assert others(saved) == others(hand.text)
    # A block at the end of a file without a newline gets one, which must not become part of its text.
    closed = re.sub(r"[|>](?=(?:\r?\n[^\r\n]+){2}\Z)", r"\g<0>-", original)
    assert left in {original, original + hand.newline, closed + hand.newline}, (original, saved)


def check_saves(rng: random.Random) -> None:
    hand, new, more = write_by_hand(rng), rng.choice(NEWS), rng.choice(NEWS)
    parsed, points = prepare(hand.text)
    block = emit_messages(new, points.column)
    edits = points.edits(STAMP, block)
    saved = b"".join(splice(parsed.source.text.encode(), edits)).decode()
    loaded = load_session(saved.encode(), NOWHERE)
    assert loaded.messages == (*hand.messages, *new), saved
    assert loaded.updated_at == LATER
    assert_kept(hand, saved, block)
    # The next save uses the known insertion points; a save that parses the file again must agree.
    again = save(saved, more)
    following = points.after(edits)
    texts = [again]
    if following:
        edits = following.edits(STAMP, emit_messages(more, following.column))
        texts.append(b"".join(splice(saved.encode(), edits)).decode())
        assert texts[1].split() == texts[0].split()
    for text in texts:
        assert load_session(text.encode(), NOWHERE).messages == (*hand.messages, *new, *more), text


@pytest.mark.parametrize("cases", [600, pytest.param(10_000, marks=pytest.mark.stress)])
def test_save_keeps_every_byte_of_a_handwritten_file(cases: int) -> None:
    for seed in range(cases):
        check_saves(random.Random(seed))


@pytest.mark.parametrize("header", ["|", "|+", "|2", "|2+", "|+2", ">"])
def test_block_at_the_end_without_a_newline_keeps_its_text(header: str) -> None:
    """An added newline would become part of the text."""
    text = f"id: {ID}\nmessages:\n  - role: user\n    content: {header}\n      one"
    before = load_session(text.encode(), NOWHERE).messages
    assert before[0].content in {"one"}
    assert load_session(save(text, (user("two"),)).encode(), NOWHERE).messages == (*before, user("two"))


@pytest.mark.parametrize("first", ["\r\n", "\n"])
def test_mixed_line_ends_are_accepted(first: str) -> None:
    lines = [f"id: {ID}", "messages:", "  - role: user", "    content: |", "      one", "", "...", ""]
    for other in ("\r\n", "\n", "\r"):
        text = first.join(lines[:2]) + first + other.join(lines[2:])
        try:
            saved = save(text, (user("two\n"),))
        except SessionFileError:
            continue
        assert load_session(saved.encode(), NOWHERE).messages == (user("one\n"), user("two\n"))


def test_save_adds_only_new_lines_to_the_specification_sample() -> None:
    saved = save(SPEC_SAMPLE.decode(), (user("More"),))
    assert (
        saved == SPEC_SAMPLE.decode().replace('"2025-01-31T15:45:00"', STAMP) + '  - role: user\n    content: "More"\n'
    )


def test_save_without_messages_changes_only_the_time() -> None:
    text = SPEC_SAMPLE.decode()
    assert save(text, ()) == text.replace('"2025-01-31T15:45:00"', STAMP)


@pytest.mark.parametrize("messages", [(user("Hi"),), RICH, (user("a\n\n\n"),)])
def test_canonical_insertion_points_agree_with_the_parser(messages: tuple[LLMMessage, ...]) -> None:
    data = dump_session(session(*messages, system="messages:\n...\n"))
    assert canonical_insertion_points(data) == find_insertion_points(parse(data, NOWHERE))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\nmessages:", b"\nmessages: []\nx:"),
        lambda data: data.replace(b"updated_at", b"other"),
        lambda data: data.replace(b"...\n", b"x: y\n...\n"),
        lambda data: data.replace(b"\nmessages:", b"\n# note\nmessages: # note"),
        lambda data: b"x: y\n" + data,
    ],
)
def test_canonical_insertion_points_of_other_files_are_none(change: Callable[[bytes], bytes]) -> None:
    data = dump_session(session(user("Hi")))
    assert change(data) != data
    assert canonical_insertion_points(change(data)) is None


def test_insertion_points_with_a_gap_are_unknown_after_a_save() -> None:
    points = InsertionPoints(InsertionPoint(0, 0), InsertionPoint(9, 9, before="\n"))
    assert points.after(points.edits(STAMP, "x\n")) is None


def check_section(rng: random.Random) -> None:
    hand = write_by_hand(rng, rng.choice(("block", "flow", "empty", "null", "missing")))
    text = rng.choice(("Be brave.", "Be\nbrave.\n", "Be\n\n\n"))
    parsed = parse(hand.text.encode(), NOWHERE)
    lines = emit_section("system_messages", (LLMMessage("system", text),))
    saved = b"".join(splice(hand.text.encode(), [section_edit(parsed, "system_messages", lines)])).decode()
    loaded = load_session(saved.encode(), NOWHERE)
    assert loaded.system_messages == (LLMMessage("system", text),)
    assert loaded.messages == hand.messages
    emitted = re.sub(r"(?m)^(?=.)", " " * hand.root, lines).replace("\n", hand.newline)
    assert saved.count(emitted) == 1, saved
    before, after = saved.split(emitted)
    assert hand.text.startswith(before.removesuffix(hand.newline)), saved
    assert hand.text.endswith(after.removeprefix(hand.newline)), saved


@pytest.mark.parametrize("cases", [300, pytest.param(10_000, marks=pytest.mark.stress)])
def test_section_edit_replaces_only_the_section(cases: int) -> None:
    for seed in range(cases):
        check_section(random.Random(seed))
