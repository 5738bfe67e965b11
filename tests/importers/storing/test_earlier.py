"""Copies of a session from before it was changed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from aloop.export.formats import TOOLS
from aloop.importers.storing.store import ImportStore
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, Session, SessionLibrary
from tests.importers.storing.test_returned import FORMS, bring_back, count
from tests.importers.test_round_trip import session_of

START = datetime(2026, 3, 1, 9, 0, 0, 123_456, UTC)
WORDS = ("One?", "First.", "Two?", "Done.", "Three?", "Done.")
TIMED = (*TOOLS, "json")
"""Formats with the time of each message."""
Change = Callable[[list[LLMMessage]], list[LLMMessage]]


def talk(*words: str, start: datetime = START) -> list[LLMMessage]:
    """Return questions and answers, one each minute."""
    return [
        LLMMessage("assistant", text, model="m", at=start + timedelta(minutes=number))
        if number % 2
        else LLMMessage("user", text, at=start + timedelta(minutes=number))
        for number, text in enumerate(words)
    ]


def summary(words: str) -> LLMMessage:
    return LLMMessage("system", words, summary=True, at=START + timedelta(hours=1))


def keep(sessions_dir: Path, older: Session, messages: Sequence[LLMMessage]) -> None:
    """Store a session that has other messages now."""
    ImportStore(sessions_dir).backend.create(replace(older, messages=tuple(messages)))


def compact(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [*messages[:4], summary("So far."), *messages[4:]]


def compact_first(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [*messages[:1], summary("So far."), *messages[1:]]


def compact_twice(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [*messages[:2], summary("So far."), *messages[2:4], summary("All."), *messages[4:]]


def edit(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [replace(messages[0], content="One, please."), *messages[1:]]


def edit_twice(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [*edit(messages)[:3], replace(messages[3], content="Changed."), *messages[4:]]


def compact_and_edit(messages: list[LLMMessage]) -> list[LLMMessage]:
    return compact(edit(messages))


def edit_last(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [*messages[:-1], replace(messages[-1], content="Changed.")]


def remove(messages: list[LLMMessage]) -> list[LLMMessage]:
    return messages[2:]


def skip_last(messages: list[LLMMessage]) -> list[LLMMessage]:
    return [*messages[:-2], *(replace(each, skip=True) for each in messages[-2:])]


ALL = (compact, compact_twice, edit, edit_twice, compact_and_edit, skip_last)


@pytest.mark.parametrize(
    ("form", "change"),
    [(form, change) for form in (*FORMS, "json") for change in ALL]
    + [(form, change) for form in TIMED for change in (edit_last, remove)],
)
@pytest.mark.parametrize("is_later", [False, True], ids=["same", "continued"])
async def test_copy_from_before_a_change_here_is_skipped(
    form: str,
    change: Change,
    is_later: bool,
    sessions_dir: Path,
    tmp_path: Path,
) -> None:
    older = session_of(tuple(talk(*WORDS)))
    later = talk("Four?", "Fourth.", start=START + timedelta(hours=2)) if is_later else []
    keep(sessions_dir, older, [*change(talk(*WORDS)), *later])
    [before] = [each.read_bytes() for each in sessions_dir.glob("*/session.yaml")]
    outcome = bring_back(older, form, sessions_dir, tmp_path)
    assert outcome.session_id == older.id
    if (form, change) == ("json", skip_last):  # a message with the mark is the same one
        assert (outcome.action, outcome.reason) == ("unchanged", "")
    else:
        assert outcome.action == "exported"
        assert outcome.reason.endswith("of this session, with nothing new")
    assert [each.read_bytes() for each in sessions_dir.glob("*/session.yaml")] == [before]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", [compact, compact_twice])
async def test_export_that_was_continued_adds_to_its_session_that_was_compacted(
    form: str, change: Change, sessions_dir: Path, tmp_path: Path
) -> None:
    older = session_of(tuple(talk(*WORDS)))
    changed = change(talk(*WORDS))
    keep(sessions_dir, older, changed)
    more = talk("Four?", "Fourth.", start=START + timedelta(hours=2))
    longer = replace(older, messages=(*older.messages, *more))
    outcome = bring_back(longer, form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.session_id, outcome.added) == ("updated", older.id, 2)
    found = (await SessionLibrary(sessions_dir).load(older.id)).messages
    assert list(found[: len(changed)]) == changed
    assert [each.content for each in found[-2:]] == ["Four?", "Fourth."]
    assert bring_back(longer, form, sessions_dir, tmp_path).action == "exported"


@pytest.mark.parametrize("form", [*FORMS, "json"])
@pytest.mark.parametrize(
    "words", [("Other?", "Done."), ("Three?", "Done.", "Four?", "Done."), ("Other?", "Done.", "Three?", "Done.")]
)
async def test_copy_with_a_turn_of_its_own_is_never_skipped(
    form: str, words: tuple[str, ...], sessions_dir: Path, tmp_path: Path
) -> None:
    older = session_of(tuple(talk(*WORDS)))
    keep(sessions_dir, older, edit(talk(*WORDS)))
    own = talk(*words, start=START + timedelta(hours=2))
    copy = replace(older, messages=(*older.messages[:4], *own), updated_at=older.updated_at + timedelta(days=9))
    outcome = bring_back(copy, form, sessions_dir, tmp_path)
    assert outcome.action == "imported"
    assert outcome.reason.endswith(f"differ from those of {older.id[:8]}, which stays as it is")
    found = (await SessionLibrary(sessions_dir).load(outcome.session_id)).messages
    assert [each.content for each in found if each.role != "system"] == [each.content for each in copy.messages]


@pytest.mark.parametrize("form", FORMS)
async def test_export_that_was_continued_does_not_repeat_what_is_skipped(
    form: str, sessions_dir: Path, tmp_path: Path
) -> None:
    older = session_of(tuple(talk(*WORDS)))
    keep(sessions_dir, older, skip_last(talk(*WORDS)))
    more = talk("Four?", "Fourth.", start=START + timedelta(hours=2))
    outcome = bring_back(replace(older, messages=(*older.messages, *more)), form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.added) == ("updated", 2)
    found = (await SessionLibrary(sessions_dir).load(older.id)).messages
    assert [each.content for each in found if each.role != "system"] == [*WORDS, "Four?", "Fourth."]


@pytest.mark.parametrize(("form", "change"), [("json", list), *product(FORMS, (list, compact_first))])
async def test_turn_that_was_undone_here_and_continued_there_is_restored_with_a_sentence(
    form: str, change: Change, sessions_dir: Path, tmp_path: Path
) -> None:
    older = session_of(tuple(talk(*WORDS)))
    keep(sessions_dir, older, change(talk(*WORDS)))
    memory = await MemoryManager.from_session(older.id, sessions_dir=sessions_dir)
    await memory.undo()
    memory.close()
    more = talk("Four?", "Fourth.", start=START + timedelta(hours=2))
    outcome = bring_back(replace(older, messages=(*older.messages, *more)), form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.added) == ("updated", 4)
    assert outcome.reason.endswith(", after the messages that you had removed with /undo here")
    found = (await SessionLibrary(sessions_dir).load(older.id)).messages
    assert [each.content for each in found if each.role != "system"] == [*WORDS, "Four?", "Fourth."]


@pytest.mark.parametrize("form", [*FORMS, "json"])
@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("change", [list, edit, compact_first])
@pytest.mark.parametrize("is_later", [False, True], ids=["undone", "continued"])
async def test_turn_that_was_undone_here_does_not_come_back(
    form: str, turns: int, is_later: bool, change: Change, sessions_dir: Path, tmp_path: Path
) -> None:
    older = session_of(tuple(talk(*WORDS)))
    messages = change(talk(*WORDS))
    keep(sessions_dir, older, messages)
    memory = await MemoryManager.from_session(older.id, sessions_dir=sessions_dir)
    for _ in range(turns):
        await memory.undo()
    if is_later:
        await memory.add_message(LLMMessage("user", "Another?", at=START + timedelta(hours=3)))
        await memory.save_memory()
    memory.close()
    before = await SessionLibrary(sessions_dir).load(older.id)
    outcome = bring_back(older, form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.session_id) == ("exported", older.id)
    assert outcome.reason == "left alone, because you removed the messages that it has more with /undo here"
    assert (await SessionLibrary(sessions_dir).load(older.id)).messages == before.messages
    assert await count(sessions_dir) == 1
    if not is_later:
        memory = await MemoryManager.from_session(older.id, sessions_dir=sessions_dir)
        for _ in range(turns):
            await memory.redo()
        memory.close()
        assert (await SessionLibrary(sessions_dir).load(older.id)).messages == tuple(messages)
