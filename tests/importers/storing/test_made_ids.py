"""Conversations without an ID, whose IDs are made of their first messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.export.document import render
from aloop.importers.imported import Imported
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore, Outcome
from aloop.importers.transcript import session_id_of
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.importers.test_round_trip import session_of

AUTHORS = ("user", "assistant") * 9
FIRST, SECOND = ["Hello.", "Hi!", "One"], ["Hello.", "Hi!", "Two", "2"]


def lists(path: Path, *talks: list[str], selection: Selection | None = None) -> list[Imported]:
    """Return conversations in a file of OpenAI's format, which have no IDs."""
    records = ([{"role": by, "content": words} for by, words in zip(AUTHORS, talk, strict=False)] for talk in talks)
    path.write_text("".join(json.dumps({"messages": record}) + "\n" for record in records))
    return list(Scan(selection or Selection()).read([path]))


def put(sessions_dir: Path, *talks: list[str]) -> list[Outcome]:
    """Import conversations one after the other."""
    store = ImportStore(sessions_dir)
    return [store.put(imported) for imported in lists(sessions_dir.parents[1] / "talks.jsonl", *talks)]


def test_every_id_that_a_conversation_may_have_selects_it(sessions_dir: Path, tmp_path: Path) -> None:
    _, outcome = put(sessions_dir, FIRST, SECOND)
    [second] = lists(tmp_path / "two.jsonl", SECOND)
    [foreign] = [each for each in second.all_ids if session_id_of("openai", each) == outcome.session_id]
    assert foreign != second.foreign_id
    for wanted in (foreign, foreign[:8], outcome.session_id, outcome.session_id[:8]):
        found = lists(tmp_path / "both.jsonl", FIRST, SECOND, selection=Selection(session=wanted))
        assert [each.messages[-1].content for each in found] == ["2"]
        assert ImportStore(sessions_dir).put(found[0]).session_id == outcome.session_id


def test_list_that_grows_from_one_message_stays_the_same_session(sessions_dir: Path) -> None:
    [first] = put(sessions_dir, FIRST[:1])
    for count in (2, 3, 3):
        [again] = put(sessions_dir, FIRST[:count])
        assert again.session_id == first.session_id
    assert again.action == "unchanged"
    [short] = put(sessions_dir, FIRST[:1])
    assert (short.action, short.session_id) == ("unchanged", first.session_id)
    [other] = put(sessions_dir, SECOND)
    assert (other.action, other.session_id != first.session_id) == ("imported", True)


def test_list_of_which_an_earlier_version_has_made_two_sessions_updates_the_longer(sessions_dir: Path) -> None:
    # As earlier versions did it, which did not look for the session of the first message.
    [one], [two] = (lists(sessions_dir.parents[1] / "a.jsonl", FIRST[:count]) for count in (1, 2))
    two.single_id = None
    short, long = (ImportStore(sessions_dir).put(each).session_id for each in (one, two))
    assert short != long
    [again] = put(sessions_dir, FIRST)
    assert (again.action, again.session_id) == ("updated", long)


@pytest.mark.parametrize("change", ["continued", "deleted"])
async def test_other_conversation_that_starts_with_the_same_message_is_imported(
    change: str, sessions_dir: Path
) -> None:
    [first] = put(sessions_dir, FIRST[:1])
    if change == "continued":
        memory = MemoryManager(sessions_dir=sessions_dir)
        await memory.resume(first.session_id)
        await memory.add_message(LLMMessage("user", "Here", at=datetime.now(UTC)))
        await memory.save_memory()
    else:
        await SessionLibrary(sessions_dir).delete(first.session_id)
    [other] = put(sessions_dir, SECOND)
    assert (other.action, other.session_id != first.session_id) == ("imported", True)


def test_dry_run_counts_a_list_that_grows_from_one_message_once(sessions_dir: Path, tmp_path: Path) -> None:
    store = ImportStore(sessions_dir, dry=True)
    outcomes = [store.put(each) for each in lists(tmp_path / "a.jsonl", FIRST[:1], FIRST, SECOND)]
    assert [outcome.action for outcome in outcomes] == ["imported", "updated", "imported"]


TALK = (LLMMessage("user", "Hello."), LLMMessage("assistant", "Hi!"), LLMMessage("user", "Two"))
SOURCE = session_of(TALK)
FORK = replace(SOURCE, id="b1b2c3d4-5678-40ab-8def-1234567890ab", forked_from=SOURCE.id)


def put_document(sessions_dir: Path, text: str) -> Outcome:
    path = sessions_dir.parents[1] / "export.json"
    path.write_text(text)
    [imported] = Scan(Selection()).read([path])
    return ImportStore(sessions_dir).put(imported)


def put_export(sessions_dir: Path, form: str, count: int, fork: int = 0) -> Outcome:
    """Import an export of the first messages of the session, or of its fork."""
    session = replace(FORK, messages=TALK[:fork]) if fork else replace(SOURCE, messages=TALK[:count])
    return put_document(sessions_dir, render(session, form))


@pytest.mark.parametrize("form", ["openai", "anthropic"])
@pytest.mark.parametrize("fork", [2, 3])
async def test_exports_of_a_session_and_its_fork_are_two_sessions(form: str, fork: int, sessions_dir: Path) -> None:
    for action in ("imported", "unchanged"):
        one, two = (put_export(sessions_dir, form, 2), put_export(sessions_dir, form, 0, fork))
        assert (one.action, two.action, one.session_id != two.session_id) == (action, action, True)
    grown = put_export(sessions_dir, form, 3)
    assert (grown.action, grown.session_id) == ("updated", one.session_id)
    # Each change of the first messages is another conversation, which is found again, too.
    changed = (replace(TALK[0], content="Good morning."), *TALK[1:])
    texts = [render(replace(each, messages=changed), form) for each in (SOURCE, FORK)]
    made = [put_document(sessions_dir, text) for text in (*texts, *texts)]
    assert [each.action for each in made] == ["imported", "imported", "unchanged", "unchanged"]
    assert len(await SessionLibrary(sessions_dir).list_titles()) == 4


@pytest.mark.parametrize("form", ["openai", "anthropic"])
async def test_export_that_an_earlier_version_has_imported_is_found_by_its_made_id(
    form: str, sessions_dir: Path
) -> None:
    # Earlier versions made the same ID as for a list that names no session.
    value = json.loads(render(replace(SOURCE, messages=TALK[:2]), form))
    del value["metadata"]
    old = put_document(sessions_dir, json.dumps(value))
    for count, action in ((2, "unchanged"), (3, "updated"), (3, "unchanged")):
        found = put_export(sessions_dir, form, count)
        assert (found.action, found.session_id) == (action, old.session_id)
    assert len(await SessionLibrary(sessions_dir).list_titles()) == 1
