"""Where a save goes in files that people wrote: what is new is there, and what is theirs is untouched."""

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


def places(text: str) -> tuple[ParsedDocument, InsertionPoints]:
    """Return a text to add to, unfolded where it must be, and its anchors."""
    parsed = parse(text.encode(), NOWHERE)
    anchors = find_insertion_points(parsed)
    if anchors is None:
        parsed = parse(unfold(parsed).encode(), NOWHERE)
        anchors = find_insertion_points(parsed)
    assert anchors is not None
    return parsed, anchors


def save(text: str, new: tuple[LLMMessage, ...]) -> str:
    parsed, anchors = places(text)
    edits = anchors.edits(STAMP, emit_messages(new, anchors.column))
    return b"".join(splice(parsed.source.text.encode(), edits)).decode()


def take_back(saved: str, block: str, hand: Handwritten) -> str:
    """Return ``saved`` less just what a save puts in: the lines of the new messages, the time, and their keys."""
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
    """Return all that a file says, by another reader, but for what a save changes."""
    loaded = yaml.load(text, yaml.CBaseLoader)
    return {key: value for key, value in loaded.items() if key not in {"messages", "updated_at"}}


def assert_kept(hand: Handwritten, saved: str, block: str) -> None:
    """Compare what a save leaves of a file with the file, byte by byte where its style can stay."""
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
        # The end marker has moved below; what else stood on its line is where it was.
        left, original = (
            re.sub(r"(?m)^(?:\.\.\.[ \t]*|#)(?:\r?\n|\Z)|^\.\.\.[ \t]*", "", text) for text in (left, original)
        )
    else:
        assert others(saved) == others(hand.text)
    # A block at the end of a file without a last line end gets one, and must not take it for a part of its text.
    closed = re.sub(r"[|>](?=(?:\r?\n[^\r\n]+){2}\Z)", r"\g<0>-", original)
    assert left in {original, original + hand.newline, closed + hand.newline}, (original, saved)


def check_saves(rng: random.Random) -> None:
    hand, new, more = write_by_hand(rng), rng.choice(NEWS), rng.choice(NEWS)
    parsed, anchors = places(hand.text)
    block = emit_messages(new, anchors.column)
    edits = anchors.edits(STAMP, block)
    saved = b"".join(splice(parsed.source.text.encode(), edits)).decode()
    loaded = load_session(saved.encode(), NOWHERE)
    assert loaded.messages == (*hand.messages, *new), saved
    assert loaded.updated_at == LATER
    assert_kept(hand, saved, block)
    # The next save of the same process does not look again. One that does puts its lines between the same ones.
    again = save(saved, more)
    following = anchors.after(edits)
    texts = [again]
    if following:
        edits = following.edits(STAMP, emit_messages(more, following.column))
        texts.append(b"".join(splice(saved.encode(), edits)).decode())
        assert texts[1].split() == texts[0].split()
    for text in texts:
        assert load_session(text.encode(), NOWHERE).messages == (*hand.messages, *new, *more), text


@pytest.mark.parametrize("cases", [600, pytest.param(10_000, marks=pytest.mark.stress)])
def test_a_save_leaves_every_byte_of_a_hand_written_file(cases: int) -> None:
    for seed in range(cases):
        check_saves(random.Random(seed))


@pytest.mark.parametrize("header", ["|", "|+", "|2", "|2+", "|+2", ">"])
def test_a_block_at_the_end_of_a_file_without_its_last_line_end_keeps_its_text(header: str) -> None:
    """With a line end behind it, it would say more than it did."""
    text = f"id: {ID}\nmessages:\n  - role: user\n    content: {header}\n      one"
    before = load_session(text.encode(), NOWHERE).messages
    assert before[0].content in {"one"}
    assert load_session(save(text, (user("two"),)).encode(), NOWHERE).messages == (*before, user("two"))


@pytest.mark.parametrize("first", ["\r\n", "\n"])
def test_line_ends_of_several_kinds_do_no_harm(first: str) -> None:
    lines = [f"id: {ID}", "messages:", "  - role: user", "    content: |", "      one", "", "...", ""]
    for other in ("\r\n", "\n", "\r"):
        text = first.join(lines[:2]) + first + other.join(lines[2:])
        try:
            saved = save(text, (user("two\n"),))
        except SessionFileError:
            continue
        assert load_session(saved.encode(), NOWHERE).messages == (user("one\n"), user("two\n"))


def test_the_sample_of_the_specification_grows_by_just_what_is_new() -> None:
    saved = save(SPEC_SAMPLE.decode(), (user("More"),))
    assert (
        saved == SPEC_SAMPLE.decode().replace('"2025-01-31T15:45:00"', STAMP) + '  - role: user\n    content: "More"\n'
    )


def test_a_save_without_news_changes_the_time_alone() -> None:
    text = SPEC_SAMPLE.decode()
    assert save(text, ()) == text.replace('"2025-01-31T15:45:00"', STAMP)


@pytest.mark.parametrize("messages", [(user("Hi"),), RICH, (user("a\n\n\n"),)])
def test_the_places_in_aloops_own_files_are_known_without_yaml(messages: tuple[LLMMessage, ...]) -> None:
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
def test_the_places_in_other_files_are_not_guessed(change: Callable[[bytes], bytes]) -> None:
    data = dump_session(session(user("Hi")))
    assert change(data) != data
    assert canonical_insertion_points(change(data)) is None


def test_a_slot_with_a_gap_is_looked_up_again_after_it_is_filled() -> None:
    anchors = InsertionPoints(InsertionPoint(0, 0), InsertionPoint(9, 9, before="\n"))
    assert anchors.after(anchors.edits(STAMP, "x\n")) is None


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
def test_a_new_system_message_replaces_the_old_one_alone(cases: int) -> None:
    for seed in range(cases):
        check_section(random.Random(seed))
