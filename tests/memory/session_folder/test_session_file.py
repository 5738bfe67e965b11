"""One session's file: read, saved, and watched for changes by others."""

from __future__ import annotations

import codecs
import errno
import json
import os
import random
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.errors import NewerVersion, SessionFileError, UnstorableValue
from aloop.llm.message_types import LLMMessage, ThinkingBlock, Usage
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import ParsedDocument, dump_session, load_session, parse
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import Session
from aloop.memory.session_folder import session_file
from aloop.memory.session_folder.session_file import ConcurrentChange, SessionFile
from tests.memory import examples
from tests.memory.examples import ID, LATER, NOWHERE, RICH, SPEC_SAMPLE, answer, session, user
from tests.memory.faults import CoarseFileSystem, FaultyFileSystem
from tests.memory.handwritten import write_by_hand
from tests.memory.session_folder.saving import FIRST, add
from tests.properties import scaled

EVEN_LATER = LATER + timedelta(minutes=1)


def on_disk(path: Path) -> Session:
    return load_session(path.read_bytes(), path)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_new_file_holds_the_session(stored: SessionFile, path: Path) -> None:
    assert path.read_bytes() == dump_session(session(*FIRST)) == stored.data
    assert on_disk(path).messages == FIRST
    assert not stored.changed_on_disk()


def test_save_changes_only_the_messages_and_the_time(stored: SessionFile, path: Path) -> None:
    before = path.read_text()
    add(stored, user("More"))
    assert path.read_text() == before.replace(
        'updated_at: "2025-01-31T12:00:00.000+00:00"', 'updated_at: "2025-01-31T12:30:00.250+00:00"'
    ).replace("...\n", '  - role: user\n    content: "More"\n...\n')
    assert names(path) == ["session.yaml"]


def test_many_saves_read_back_the_same(stored: SessionFile, fs: FaultyFileSystem, path: Path) -> None:
    for message in (*RICH, user("a\n\n\n"), *RICH, user("end")):
        grown = add(stored, message)
        assert bytes(stored.data) == path.read_bytes()
    assert on_disk(path).messages == grown.messages
    assert SessionFile.read(fs, path).session.messages == grown.messages


def test_save_does_not_read_the_file(stored: SessionFile, fs: FaultyFileSystem) -> None:
    fs.calls.clear()
    add(stored, user("More"))
    assert "read" not in {name for name, _ in fs.calls}


def test_insertion_points_are_known_after_reading(stored: SessionFile, fs: FaultyFileSystem, path: Path) -> None:
    again = SessionFile.read(fs, path)
    assert again.insertion_points == stored.insertion_points is not None


@pytest.mark.parametrize("text", ["Be brave.", "Be\nbrave.\n\n\n"])
def test_new_system_message_is_saved_with_the_messages(stored: SessionFile, path: Path, text: str) -> None:
    grown = add(stored, user("More"), system=text)
    assert (on_disk(path).system_messages, on_disk(path).messages) == (grown.system_messages, grown.messages)
    grown = add(stored, user("And more"), system="Other")
    assert (on_disk(path).system_messages, on_disk(path).messages) == (grown.system_messages, grown.messages)


@pytest.mark.parametrize(
    ("bom", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_save_keeps_the_encoding(fs: FaultyFileSystem, path: Path, bom: bytes, encoding: str) -> None:
    path.write_bytes(bom + SPEC_SAMPLE.decode().replace("Hello", "é🎈").encode(encoding))
    stored = SessionFile.read(fs, path)
    assert not stored.changed_on_disk()
    grown = add(stored, user("Más"))
    data = path.read_bytes()
    assert data.startswith(bom)
    assert "Más" in data[len(bom) :].decode(encoding)
    assert on_disk(path).messages == grown.messages
    os.utime(path)
    assert not stored.changed_on_disk()


def test_file_with_a_list_in_brackets_is_copied_before_it_is_rewritten(fs: FaultyFileSystem, path: Path) -> None:
    text = f"id: {SPEC_SAMPLE[4:40].decode()}\nmessages: [{{role: user, content: Hi, mood: calm}}] # mine\nx: y\n"
    path.write_text(text)
    grown = add(SessionFile.read(fs, path), user("More"))
    assert on_disk(path).messages == grown.messages
    kept = [name for name in names(path) if name.startswith("session.before-")]
    assert len(kept) == 1
    assert path.with_name(kept[0]).read_text() == text
    assert "mood: calm" in path.read_text()
    assert path.read_text().endswith("x: y\n")
    assert "# mine" in path.read_text()


@pytest.mark.parametrize("quoted", [False, True])
def test_session_of_a_newer_version_is_not_written(fs: FaultyFileSystem, path: Path, quoted: bool) -> None:
    data = dump_session(replace(session(*FIRST), version=2)).replace(
        b"version: 2", b"version: '2'" if quoted else b"version: 2"
    )
    path.write_bytes(data)
    stored = SessionFile.read(fs, path)
    assert stored.session.version == 2
    with pytest.raises(NewerVersion, match="update aloop"):
        add(stored, user("More"))
    assert path.read_bytes() == data


def test_touched_or_moved_file_counts_as_unchanged(stored: SessionFile, path: Path) -> None:
    os.utime(path)
    assert not stored.changed_on_disk()
    moved = path.with_name("elsewhere")
    path.rename(moved)
    path.write_bytes(moved.read_bytes())
    assert not stored.changed_on_disk()


def test_edit_of_the_same_length_is_detected(stored: SessionFile, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Hello", b"HELLO"))
    assert stored.changed_on_disk()


def test_removed_file_is_detected(stored: SessionFile, path: Path) -> None:
    path.unlink()
    with pytest.raises(FileNotFoundError):
        stored.changed_on_disk()


def test_change_just_before_the_replacement_is_not_overwritten(
    stored: SessionFile, fs: FaultyFileSystem, path: Path
) -> None:
    """The change comes after the file was read and before it is replaced."""
    fs.before["fsync"] = lambda: path.write_bytes(b"theirs")
    with pytest.raises(ConcurrentChange):
        add(stored, user("More"))
    assert path.read_text() == "theirs"
    assert names(path) == ["session.yaml"]


@pytest.mark.parametrize("call", ["create", "write", "fsync", "replace"])
def test_disk_error_changes_neither_the_file_nor_the_object(
    stored: SessionFile, fs: FaultyFileSystem, path: Path, call: str
) -> None:
    before, known = path.read_bytes(), bytes(stored.data)
    fs.fail(call)
    with pytest.raises(OSError, match="No space"):
        add(stored, user("More"))
    assert path.read_bytes() == before
    assert stored.data == known
    assert stored.session.messages == FIRST
    assert names(path) == ["session.yaml"]
    fs.heal()
    add(stored, user("More"))
    assert on_disk(path).messages == (*FIRST, user("More"))


def test_disk_error_after_the_replacement_does_not_count_as_a_change_by_others(
    stored: SessionFile, fs: FaultyFileSystem, path: Path
) -> None:
    """The new file exists, but its name may not be durable yet."""
    fs.fail("sync_folder", number=errno.EIO)
    add(stored, user("More"))
    with pytest.raises(OSError, match="Input/output"):
        stored.sync()
    fs.heal()
    assert path.read_bytes() == stored.data
    assert not stored.changed_on_disk()


@pytest.mark.parametrize(
    ("count", "saved"),
    [(-1, 0), (10**16, 10**15 - 1), (2.7, 2), (float("nan"), 0), (float("inf"), 10**15 - 1), ("many", 0), (None, 0)],
)
def test_number_that_cannot_be_stored_is_replaced_and_the_text_saved(
    stored: SessionFile, path: Path, count: Any, saved: int
) -> None:
    """Servers report the numbers, and a wrong one once made all later turns unsavable."""
    thinking = (ThinkingBlock("Hm", after_chars=count, after_calls=count),)
    add(stored, LLMMessage("assistant", "Hi", usage=Usage(count, 3, count, count, count), thinking=thinking))
    add(stored, user("Next"))
    *_, answered, asked = on_disk(path).messages
    assert (answered.content, asked.content) == ("Hi", "Next")
    assert answered.usage == Usage(saved, 3, saved, saved)
    assert (answered.thinking[0].after_chars, answered.thinking[0].after_calls) == (saved, saved)


def test_unstorable_value_is_an_error_before_anything_is_written(
    stored: SessionFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    wrong = emit_messages([user("Other")], 2)
    monkeypatch.setattr(session_file, "emit_messages", lambda messages, column: wrong)
    with pytest.raises(UnstorableValue):
        add(stored, answer("Hi"))
    assert path.read_bytes() == before


def test_file_beside_holds_the_result_of_the_save(stored: SessionFile, path: Path) -> None:
    path.write_text("broken: [")
    recovered = path.with_name("session.recovered.yaml")
    grown = replace(stored.session, messages=(*FIRST, user("More")))
    copy = stored.write_copy(recovered, grown, [user("More")])
    assert path.read_text() == "broken: ["
    assert on_disk(recovered).messages == grown.messages
    assert copy.path == recovered
    assert (stored.session.messages, bytes(stored.data)) == (FIRST, dump_session(session(*FIRST)))
    add(copy, user("Again"))
    assert on_disk(recovered).messages == (*grown.messages, user("Again"))


@pytest.mark.parametrize("cases", [200, pytest.param(10_000, marks=pytest.mark.stress)])
def test_saves_to_hand_written_files_read_back_the_same(fs: FaultyFileSystem, path: Path, cases: int) -> None:
    for seed in range(cases):
        fs.calls.clear()
        rng = random.Random(seed)
        hand = write_by_hand(rng)
        path.write_bytes(hand.data)
        stored = SessionFile.read(fs, path)
        for message in rng.sample((user("One"), user("a\nb\n\n"), answer("é\n"), *RICH), 2):
            grown = add(stored, message, system=rng.choice((None, None, "Be\nbrave.\n")))
        data = path.read_bytes()
        assert data == hand.bom + bytes(stored.data).decode().encode(hand.encoding)
        assert load_session(data, NOWHERE).messages == (*hand.messages, *grown.messages[len(hand.messages) :])
        assert stored.session.system_messages == load_session(data, NOWHERE).system_messages


def edit_in_place(path: Path, old: bytes, new: bytes) -> None:
    """Overwrite a text with one of equal length, like an editor that keeps the file."""
    with path.open("r+b") as file:
        offset = file.read().index(old)
        file.seek(offset)
        file.write(new)


@pytest.mark.parametrize("kind", [FaultyFileSystem, CoarseFileSystem])
def test_edit_of_equal_length_right_after_a_save_is_noticed(path: Path, kind: type[FaultyFileSystem]) -> None:
    stored = SessionFile.create(kind(), path, session(*FIRST))
    words = [b"Hello", b"World"]
    for number in range(20):
        add(stored, user(f"{number}"))
        edit_in_place(path, words[number % 2], words[1 - number % 2])
        assert stored.changed_on_disk(), number
        if kind is CoarseFileSystem:
            with pytest.raises(ConcurrentChange):
                add(stored, user("lost?"))
        stored = SessionFile.read(stored.fs, path)
        assert not stored.changed_on_disk()


def test_saved_file_is_not_read_again(fs: FaultyFileSystem, path: Path) -> None:
    stored = SessionFile.create(fs, path, session(*FIRST))
    fs.calls.clear()
    add(stored, user("Next?"))
    assert not stored.changed_on_disk()
    assert not {"read", "read_open"} & {name for name, _ in fs.calls}


def test_edit_is_noticed_where_modification_times_cannot_be_set(fs: FaultyFileSystem, path: Path) -> None:
    fs.fail("set_modified", number=errno.EPERM)
    stored = SessionFile.create(fs, path, session(*FIRST))
    add(stored, user("Next?"))
    assert not stored.changed_on_disk()
    edit_in_place(path, b"Hello", b"World")
    assert stored.changed_on_disk()


def test_settled_file_is_not_read_again(fs: FaultyFileSystem, path: Path, stored: SessionFile) -> None:
    os.utime(path, ns=(1_700_000_000_500_000_000, 1_700_000_000_500_000_000))
    time.sleep(0.03)  # longer than a tick of the kernel's clock
    stored = SessionFile.read(fs, path)
    fs.calls.clear()
    assert not stored.changed_on_disk()
    assert [name for name, _ in fs.calls] == ["lstat"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("content", ["a 😀 b", "😀😀", "\\ud83d", "\\\\😀", "\\ud83d\\ude00", '"😀\\'])
def test_json_with_surrogate_escapes_is_read_and_continued(
    fs: FaultyFileSystem, path: Path, content: str, indent: int | None
) -> None:
    record = {"id": ID, "messages": [{"role": "user", "content": content}]}
    path.write_text(json.dumps(record, indent=indent))
    stored = SessionFile.read(fs, path)
    assert stored.session.messages == (user(content),)
    add(stored, answer("Hello"))
    assert on_disk(path).messages == (user(content), answer("Hello"))


def test_half_of_a_surrogate_pair_in_json_is_read_as_a_replacement_character(fs: FaultyFileSystem, path: Path) -> None:
    path.write_text(json.dumps({"id": ID, "messages": [{"role": "user", "content": "\ud800 \udc00\\ud800 😀"}]}))
    assert SessionFile.read(fs, path).session.messages == (user("\ufffd \ufffd\\ud800 😀"),)


LINE_ENDS = ("\n", "\r\n", "\r", "\x85", "\u2028", "\u2029")
"""The line endings of YAML 1.1."""


@pytest.mark.parametrize("ends", [*((end,) for end in LINE_ENDS), LINE_ENDS], ids=repr)
@pytest.mark.parametrize("cases", [30, pytest.param(3_000, marks=pytest.mark.stress)])
def test_saves_to_files_with_any_line_ends_read_back_the_same(
    fs: FaultyFileSystem, path: Path, ends: tuple[str, ...], cases: int
) -> None:
    saved = 0
    for seed in range(cases):
        fs.calls.clear()
        rng = random.Random(seed)
        text = write_by_hand(rng).data.decode(errors="replace").removeprefix("\ufeff")
        lines = text.replace("\r\n", "\n").split("\n")
        path.write_bytes("".join(line + rng.choice(ends) for line in lines).encode())
        try:
            stored = SessionFile.read(fs, path)
        except SessionFileError:  # it was UTF-16, for example
            continue
        before = stored.session.messages
        for message in (user("a\nb"), answer("é\n"), user("One")):
            add(stored, message)
        assert on_disk(path).messages == (*before, user("a\nb"), answer("é\n"), user("One"))
        saved += 1
    assert saved > cases // 2


@pytest.mark.parametrize(("end", "added"), [("\r", "\r"), ("\r\n", "\r\n"), ("\x85", "\n")])
def test_saves_keep_the_line_ends_of_the_file(fs: FaultyFileSystem, path: Path, end: str, added: str) -> None:
    before = SPEC_SAMPLE.decode().replace("\n", end)
    path.write_bytes(before.encode())
    stored = SessionFile.read(fs, path)
    stored.save(replace(stored.session, messages=(*stored.session.messages, user("More"))), [user("More")])
    assert path.read_bytes().decode() == before + f'  - role: user{added}    content: "More"{added}'


def test_invalid_file_and_link_are_errors(fs: FaultyFileSystem, path: Path) -> None:
    path.write_text("id: [")
    with pytest.raises(SessionFileError):
        SessionFile.read(fs, path)
    path.unlink()
    path.symlink_to(path.with_name("elsewhere.yaml"))
    path.with_name("elsewhere.yaml").write_bytes(SPEC_SAMPLE)
    with pytest.raises(OSError, match="symbolic"):
        SessionFile.read(fs, path)


def test_system_message_in_an_unterminated_last_block_is_replaced(fs: FaultyFileSystem, path: Path) -> None:
    """The block at the end of the file is replaced, and the messages follow it."""
    path.write_text(f"id: {ID}\nsystem_messages:\n  - content: >\n      Be\n      kind.")
    grown = add(SessionFile.read(fs, path), user("Hi"), system="Be\nbrave.\n")
    assert (on_disk(path).system_messages, on_disk(path).messages) == (grown.system_messages, grown.messages)


@given(data=st.data(), talk=st.lists(examples.messages, min_size=2, max_size=6))
@settings(max_examples=scaled(60))
def test_messages_removed_at_the_end_leave_the_same_file_without_parsing(
    data: st.DataObject, talk: list[LLMMessage]
) -> None:
    """The removal from a canonical text equals that from any other text."""
    kept = data.draw(st.integers(1, len(talk) - 1))
    texts: list[bytes] = []
    parsed: list[Path] = []
    for is_canonical in (True, False):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            path = Path(folder) / "session.yaml"
            stored = SessionFile.create(SYSTEM, path, replace(session(*talk[:kept]), title="Kept"))
            add(stored, *talk[kept:])
            stored.is_canonical = stored.is_canonical and is_canonical
            assert (stored.lines_from(kept) is None) is not is_canonical

            def count_and_parse(raw: bytes, name: Path) -> ParsedDocument:
                parsed.append(name)
                return parse(raw, name)

            patch.setattr(session_file, "parse", count_and_parse)
            shorter = replace(stored.session, updated_at=EVEN_LATER, messages=stored.session.messages[:kept])
            parsed.clear()
            stored.save(shorter, ())
            assert bool(parsed) is not is_canonical
            assert bytes(stored.data) == path.read_bytes()
            # The insertion points are still right.
            add(stored, user("Next"))
            texts.append(path.read_bytes())
            assert on_disk(path).messages == (*shorter.messages, user("Next"))
    assert texts[0] == texts[1]
