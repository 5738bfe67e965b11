from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import SessionLibrary
from aloop.memory.search import prefilter
from aloop.memory.search.query import Query
from aloop.memory.search.search import Hit, find_hits
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import ID, NOON, OTHER_ID, answer, call, result, session, user
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, THIRD, break_session, save

TALK = (user("Fix the parser"), answer("Which of them?", call()), result("4 parsers"), answer("Both, by the\nway."))


@pytest.fixture(params=[prefilter.MANY, 1], autouse=True)
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search without and with a worker process, whose speed is left to chance."""
    monkeypatch.setattr(prefilter, "MANY", request.param)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def found(query: str, *messages: LLMMessage) -> list[tuple[int, str]]:
    return [(hit.message, hit.role) for hit in find_hits(session(*messages), Query.parse(query))]


def test_messages_with_all_words_are_hits() -> None:
    assert found("PARSER", *TALK) == [(1, "user"), (3, "tool")]
    assert found("parser fix", *TALK) == [(1, "user")]


def test_text_of_user_and_model_comes_before_the_work_of_tools() -> None:
    call = answer(None, ToolCall("c", "search_files", '{"pattern": "parser"}'))
    talk = (call, LLMMessage("tool", "parser.py", tool_call_id="c"), answer("The parser is slow."), *TALK)
    assert found("parser", *talk) == [(3, "assistant"), (4, "user"), (1, "assistant"), (2, "tool"), (6, "tool")]


def test_phrase_matches_across_a_line_end() -> None:
    assert found('"by the way"', *TALK) == [(4, "assistant")]
    assert found('"the by"', *TALK) == []


def test_tool_arguments_are_searched() -> None:
    assert found("calculator expression", *TALK) == [(2, "assistant")]


def test_tool_arguments_are_searched_without_their_escapes() -> None:
    arguments = json.dumps(
        {"path": "C:\\Träume", "lines": ["one\ntwo", 'say "hello" now'], "deep": {"é": "ü", "-n": True}}
    )
    assert "\\u00e4" in arguments
    talk = (*TALK[:1], answer(None, ToolCall("c", "write", arguments)))
    for words in ("träume", '"one two"', "'say", "hello now", "lines deep", "ü write", '"-n true"', "c:\\träume"):
        assert found(words.replace("'", ""), *talk) == [(2, "assistant")], words


async def test_escaped_tool_argument_is_found_in_the_file(sessions_dir: Path) -> None:
    call = ToolCall("c", "write", json.dumps({"text": "Träume\nsüß"}))
    put(sessions_dir, ID, 9, user("Hi"), answer(None, call))
    assert [hit.message for hit in await search(sessions_dir, "träume süß")] == [2]


def test_words_spread_over_messages_find_the_message_with_most_of_them() -> None:
    assert found("both fix parser", *TALK) == [(1, "user")]
    assert found("both fix lexer", *TALK) == []


def test_system_messages_are_not_searched() -> None:
    assert not find_hits(session(*TALK, system="You are helpful."), Query.parse("helpful"))


def test_empty_query_finds_nothing() -> None:
    assert found("", *TALK) == []


def test_title_is_searched() -> None:
    named = replace(session(*TALK), title="The zoo")
    [hit] = find_hits(named, Query.parse("zoo"))
    assert (hit.message, hit.role, hit.context) == (0, "title", "The zoo")


def put(sessions_dir: Path, identity: str, minutes: int, *messages: LLMMessage, written: int | None = None) -> Path:
    """Store a session changed ``minutes`` after noon; ``written`` sets the file time."""
    changed = NOON + timedelta(minutes=minutes)
    path = YamlBackend(sessions_dir).create(session(*messages, identity=identity, updated_at=changed)).path
    moment = (NOON + timedelta(minutes=minutes if written is None else written)).timestamp()
    os.utime(path, (moment, moment))
    return path


def identity(number: int) -> str:
    return f"{number:08}-5678-40ab-8def-1234567890ab"


async def search(sessions_dir: Path, words: str) -> list[Hit]:
    return [hit async for hit in SessionLibrary(sessions_dir).search(words)]


async def test_newest_session_comes_first_whatever_the_file_time(sessions_dir: Path) -> None:
    for number, (minutes, written) in enumerate([(3, 3), (1, 99), (5, 5), (2, 2), (4, 50)]):
        put(sessions_dir, identity(number), minutes, user("needle"), answer("needle"), written=written)
    hits = await search(sessions_dir, "needle")
    assert [(int(hit.session.id[:8]), hit.message) for hit in hits] == [
        (number, message) for number in (2, 4, 0, 3, 1) for message in (1, 2)
    ]


async def test_first_hit_is_yielded_before_older_files_are_read(sessions_dir: Path) -> None:
    put(sessions_dir, ID, 9, user("needle"))
    late = put(sessions_dir, OTHER_ID, 1, user("needle"))
    work = YamlBackend(sessions_dir).search(Query.parse("needle"))
    [first] = next(hits for hits in work if hits)
    late.unlink()
    assert first.session.id == ID
    assert not any(work)


async def test_broken_session_is_searched_as_text(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="never say never")
    path = break_session(sessions_dir)
    broken, sound = sorted(await search(sessions_dir, "never"), key=lambda hit: hit.message)
    assert sound.session.id == FIRST
    assert (broken.session.id, broken.message) == (THIRD[:8], 0)
    assert str(path) in str(broken.problem)
    assert "a quote that never ends" in broken.context


async def test_file_that_cannot_be_opened_is_reported_last(sessions_dir: Path) -> None:
    path = put(sessions_dir, ID, 9, user("needle"))
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    put(sessions_dir, OTHER_ID, 1, user("needle"))
    hits = await search(sessions_dir, "needle")
    assert [(hit.session.id, hit.problem is None) for hit in hits] == [(OTHER_ID, True), (ID[:8], False)]


async def test_session_in_an_unreadable_folder_is_reported_last(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    put(sessions_dir, ID, 9, user("needle"))
    put(sessions_dir, OTHER_ID, 1, user("needle"))
    fs.fail("lstat", "read", number=errno.EACCES, on=f"{ID[:8]}/")
    hits = await search(sessions_dir, "needle")
    assert [hit.session.id for hit in hits] == [OTHER_ID, ID[:8]]
    assert "cannot be opened: Permission denied" in str(hits[1].problem)


async def test_too_large_file_is_reported_last(sessions_dir: Path) -> None:
    path = put(sessions_dir, ID, 9, user("needle"))
    os.truncate(path, 300_000_000)
    put(sessions_dir, OTHER_ID, 1, user("needle"))
    hits = await search(sessions_dir, "needle")
    assert [(hit.session.id, hit.problem is None) for hit in hits] == [(OTHER_ID, True), (ID[:8], False)]
    assert "300 MB, more than the limit of 256 MB" in str(hits[1].problem)


async def test_missing_folder_gives_no_hits(sessions_dir: Path) -> None:
    assert await search(sessions_dir, "needle") == []


async def test_abandoned_search_stops_reading(sessions_dir: Path) -> None:
    for number in range(3):
        put(sessions_dir, identity(number), number, user("needle"))
    hits = SessionLibrary(sessions_dir).search("needle")
    assert (await anext(hits)).session.id == identity(2)


@pytest.mark.parametrize("ending", ["", "...\n"])
async def test_comments_and_unknown_keys_are_found_with_their_message(sessions_dir: Path, ending: str) -> None:
    text = f"""\
# Ask Mary about this
id: {ID}
topic: gardening   # in spring
messages:
  # the first question
  - role: user
    content: "Not # a comment"
    mood: curious
  - role: assistant # an odd answer
    content: |
      # Heading
      Text
    rating: {{stars: four}}
# the end
{ending}"""
    path = sessions_dir / "2025-01-31_a1b2c3d4" / "session.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)

    async def places(words: str) -> list[tuple[int, str, str]]:
        return [(hit.message, hit.role, hit.context) async for hit in SessionLibrary(sessions_dir).search(words)]

    assert await places("mary") == [(0, "comment", "Ask Mary about this")]
    assert await places("topic gardening") == [(0, "key", "topic: gardening")]
    assert await places("spring") == [(0, "comment", "in spring")]
    assert await places("first") == [(1, "comment", "the first question")]
    assert await places("a comment") == [(1, "user", "Not # a comment")]
    assert await places("mood") == [(1, "key", "mood: curious")]
    assert await places("odd") == [(2, "comment", "an odd answer")]
    assert await places("heading") == [(2, "assistant", "# Heading Text")]
    assert await places("four") == [(2, "key", "rating: stars four")]
    assert await places("end") == [(2, "comment", "the end")]


async def test_unknown_key_that_aloop_wrote_is_found_by_its_name(sessions_dir: Path) -> None:
    put(sessions_dir, ID, 9, replace(user("Hi"), extra=JsonObject({"mood": "curious"})))
    hits = [(hit.message, hit.role) async for hit in SessionLibrary(sessions_dir).search("mood")]
    assert hits == [(1, "key")]
