"""The journal of a turn, intact and damaged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory.disk.filesystem import SYSTEM, FileSystem
from aloop.memory.session import Session
from aloop.memory.session_folder.journal import Journal, JournalRecord, is_journal, read_journal

NOW = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
SESSION = Session(
    "a1b2c3d4-5678-90ab-cdef-1234567890ab", NOW, NOW, (LLMMessage("system", "Be\nkind.\n\n"),), (), Path()
)
TURN = (
    LLMMessage("user", "Why?\n\n"),
    LLMMessage("assistant", None, (ToolCall("call_1", "calculator", '{"expression": "2+2"}'),)),
    LLMMessage("tool", "# whole, checksum 00000000\n4", tool_call_id="call_1", name="calculator"),
)


def write(folder: Path) -> Path:
    """Write a journal of TURN and leave it, as a crash would."""
    journal = Journal.start(SYSTEM, folder, SESSION, 7)
    for message in TURN:
        journal.add(message)
    journal.close()
    (path,) = folder.iterdir()
    return path


def test_journal_holds_the_turn_and_its_session(tmp_path: Path) -> None:
    path = write(tmp_path)
    record = read_journal(path.read_bytes(), path)
    assert record
    assert record.base == 7
    assert record.session.id == SESSION.id
    assert record.session.created_at == NOW
    assert record.session.system_messages == SESSION.system_messages
    assert record.session.messages == TURN


def test_journal_survives_a_number_that_cannot_be_stored(tmp_path: Path) -> None:
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    journal.add(LLMMessage("assistant", "Because.", usage=Usage(-5, 10**400)))
    journal.add(LLMMessage("user", "Thanks"))
    journal.close()
    (path,) = tmp_path.iterdir()
    record = read_journal(path.read_bytes(), path)
    assert record
    assert [message.content for message in record.session.messages] == ["Because.", "Thanks"]
    assert record.session.messages[0].usage == Usage(0, 10**15 - 1)


def test_truncated_journal_gives_whole_messages_only(tmp_path: Path) -> None:
    path = write(tmp_path)
    data = path.read_bytes()
    counts = []
    for end in range(len(data) + 1):
        record = read_journal(data[:end], path)
        messages = record.session.messages if record else ()
        assert messages == TURN[: len(messages)]
        counts.append(len(messages))
    assert counts == sorted(counts)
    assert counts[-1] == len(TURN)


def test_journal_is_read_up_to_a_damaged_part(tmp_path: Path) -> None:
    path = write(tmp_path)
    data = path.read_bytes().replace(b"calculator\n          arguments", b"calculatoR\n          arguments")
    record = read_journal(data, path)
    assert record
    assert record.session.messages == TURN[:1]


def test_journal_is_known_by_its_name_and_is_private(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert is_journal(path.name)
    assert not is_journal("session.yaml")
    assert path.stat().st_mode & 0o777 == 0o600


def test_journal_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    (path,) = tmp_path.iterdir()
    descriptor = SYSTEM.open_read(path)
    assert not SYSTEM.try_lock(descriptor)
    journal.close()
    assert SYSTEM.try_lock(descriptor)
    SYSTEM.close(descriptor)


def test_discarded_journal_is_deleted(tmp_path: Path) -> None:
    Journal.start(SYSTEM, tmp_path, SESSION, 0).discard()
    assert list(tmp_path.iterdir()) == []


def test_journal_keeps_its_messages_and_adds_no_more_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    journal.add(TURN[0])
    with monkeypatch.context() as patch:
        patch.setattr(SYSTEM, "fsync", refuse)
        with pytest.raises(OSError, match="no space"):
            journal.add(TURN[1])
    journal.add(TURN[2])
    (path,) = tmp_path.iterdir()
    record = read_journal(path.read_bytes(), path)
    assert record
    assert record.session.messages[0] == TURN[0]
    assert TURN[2] not in record.session.messages


def piece(text: str) -> LLMMessage:
    return LLMMessage("assistant", text, model="m", interrupted=True, at=NOW)


def read_only_journal(folder: Path) -> JournalRecord:
    (path,) = folder.iterdir()
    record = read_journal(path.read_bytes(), path)
    assert record
    return record


def test_pieces_of_an_answer_are_joined_exactly(tmp_path: Path) -> None:
    texts = [" \n  Once", "\n\n", "- a: # b", "\t\u0085\u2028 ", "'\"\r\n", "  ", "\U0001f600 end\n"]
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    journal.add(TURN[0])
    for text in texts:
        journal.add_piece(piece(text), 1)
    journal.close()
    record = read_only_journal(tmp_path)
    assert record.session.messages == TURN[:1]
    assert record.partial == piece("".join(texts))


def test_finished_message_replaces_the_pieces_before_it(tmp_path: Path) -> None:
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    journal.add_piece(piece("Half"), 1)
    journal.add(LLMMessage("assistant", "Half and half"))
    journal.close()
    record = read_only_journal(tmp_path)
    assert record.session.messages == (LLMMessage("assistant", "Half and half"),)
    assert record.partial is None


def test_pieces_of_the_last_attempt_count(tmp_path: Path) -> None:
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    for text, answer in (("Once ", 1), ("upon", 1), ("Twice ", 2), ("told", 2)):
        journal.add_piece(piece(text), answer)
    journal.close()
    assert read_only_journal(tmp_path).partial == piece("Twice told")


def test_truncated_journal_gives_the_start_of_an_answer(tmp_path: Path) -> None:
    journal = Journal.start(SYSTEM, tmp_path, SESSION, 0)
    for text in ("One\n", "two\n", "three"):
        journal.add_piece(piece(text), 1)
    journal.close()
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    records = [read_journal(data[:end], path) for end in range(len(data) + 1)]
    partials = [record.partial.content if record and record.partial else "" for record in records]
    assert list(dict.fromkeys(partials)) == ["", "One\n", "One\ntwo\n", "One\ntwo\nthree"]


class FillsUp(FileSystem):
    """While ``is_full``, writes half of a piece and then refuses."""

    is_full = False
    can_truncate = True

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.is_full and len(data) < 20:
            raise OSError(28, "no space")
        return super().write(descriptor, data[: len(data) // 2] if self.is_full else data)

    def truncate(self, descriptor: int, size: int = 0) -> None:
        if not self.can_truncate:
            raise OSError(5, "input/output error")
        super().truncate(descriptor, size)


def test_journal_takes_messages_after_a_piece_that_did_not_fit(tmp_path: Path) -> None:
    fs = FillsUp()
    journal = Journal.start(fs, tmp_path, SESSION, 0)
    journal.add(TURN[0])
    journal.add_piece(piece("First, "), 1)
    fs.is_full = True
    with pytest.raises(OSError, match="no space"):
        journal.add_piece(piece("second, "), 1)
    fs.is_full = False
    journal.add_piece(piece("third, "), 1)
    assert read_only_journal(tmp_path).partial == piece("First, ")
    journal.add(TURN[1])
    journal.add_piece(piece("Fourth"), 2)
    journal.close()
    record = read_only_journal(tmp_path)
    assert record.session.messages == TURN[:2]
    assert record.partial == piece("Fourth")


def test_journal_that_cannot_be_shortened_keeps_what_it_has(tmp_path: Path) -> None:
    fs = FillsUp()
    journal = Journal.start(fs, tmp_path, SESSION, 0)
    journal.add(TURN[0])
    fs.is_full, fs.can_truncate = True, False
    with pytest.raises(OSError, match="no space"):
        journal.add_piece(piece("Second"), 1)
    fs.is_full = False
    journal.add(TURN[1])
    journal.close()
    record = read_only_journal(tmp_path)
    assert (record.session.messages, record.partial) == (TURN[:1], None)


def refuse(descriptor: int) -> None:
    raise OSError(28, "no space")
