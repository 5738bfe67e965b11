"""The journal of a turn, intact and damaged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import Session
from aloop.memory.session_folder.journal import Journal, is_journal, read_journal

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


def refuse(descriptor: int) -> None:
    raise OSError(28, "no space")
