"""Tests of the catalogs of sessions for completion."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import SHORT_ID
from aloop.memory import MemoryManager, SessionSummary, SessionTitle
from repl.completion.session_source import OFFERED, SessionCatalog, SessionSources, SessionTable, TitleScan, split_words
from tests.saved_sessions import save

NOW = datetime(2025, 6, 15, tzinfo=UTC)


def catalog(ids: list[str]) -> SessionTable:
    return SessionTable([SessionTitle(session_id, NOW, "") for session_id in ids])


IDS = st.lists(st.text("ab1-", min_size=10, max_size=12), unique=True, max_size=30)


@given(IDS, st.text("ab1-", max_size=4))
def test_prefix_search_equals_a_scan_of_all_ids(ids: list[str], prefix: str) -> None:
    found = [entry.title.id for entry in catalog(ids).find(prefix)]
    assert found == [session_id for session_id in ids if session_id.startswith(prefix)][:OFFERED]


@given(IDS)
def test_shortest_prefix_is_unique_and_has_at_least_eight_characters(ids: list[str]) -> None:
    for entry in catalog(ids).find(""):
        sharing = [session_id for session_id in ids if session_id.startswith(entry.shortest)]
        assert sharing == [entry.title.id] or entry.shortest == entry.title.id
        assert len(entry.shortest) >= SHORT_ID


def test_folder_name_is_offered_whole() -> None:
    names = ["2025-01-31_a1b2c3d4 (copy 2)", "2025-01-31_a1b2c3d4 (copy)"]
    assert [entry.shortest for entry in catalog(names).find("2025")] == names


def test_empty_catalog_finds_nothing() -> None:
    assert SessionCatalog().find("a") == []
    assert SessionCatalog().find("") == []


def named(**titles: str) -> SessionTable:
    return SessionTable([SessionTitle(f"{name:0<8}-5678-40ab", NOW, title) for name, title in titles.items()])


def test_words_of_a_title_find_sessions_newest_first() -> None:
    table = named(a1="Fix the parser", b2="Rain in Spain", c3="The parser, again")
    assert [entry.shortest[:2] for entry in table.find("pars")] == ["a1", "c3"]
    assert [entry.shortest[:2] for entry in table.find("the FIX")] == ["a1"]
    assert table.find("snow") == []


def test_ids_are_found_before_words_of_titles() -> None:
    table = named(f1="The bad build", bad1="Rain", c3="Bad luck")
    assert [entry.shortest[:2] for entry in table.find("bad")] == ["ba", "f1", "c3"]


def test_session_found_by_id_and_title_is_offered_once() -> None:
    assert len(named(bad1="Bad luck").find("bad")) == 1


def test_number_of_found_sessions_is_limited() -> None:
    table = SessionTable([SessionTitle(f"a{number:07}-5678", NOW, f"a title {number}") for number in range(200)])
    for typed in ("", "a", "title", "a ti"):
        assert [entry.rank for entry in table.find(typed)] == list(range(OFFERED))


def test_messages_of_a_session_are_counted_again_after_a_change() -> None:
    asked: list[Sequence[str]] = []
    sessions = SessionCatalog(asked.append)
    title = SessionTitle("a1b2c3d4-5678", NOW, "One")
    sessions.replace(SessionTable([title]))
    sessions.find("a1")
    assert asked == [[title.id]]
    assert sessions.count(title) is None
    sessions.counted([SessionSummary(title.id, NOW, NOW, 7, "One", Path())])
    sessions.find("a1")
    assert (sessions.count(title), len(asked)) == (7, 1)
    later = replace(title, updated_at=NOW + timedelta(hours=1))
    sessions.replace(SessionTable([later]))
    sessions.find("a1")
    assert (sessions.count(later), len(asked)) == (None, 2)


async def test_newest_sessions_are_offered_before_all_have_been_read(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        save(sessions_dir, f"{number}1b2c3d4-5678-40ab-8def-1234567890ab", day=number + 1)
    monkeypatch.setattr("repl.completion.session_source.OFFERED", 2)
    memory = MemoryManager(sessions_dir=sessions_dir)
    seen: list[list[str]] = []

    def changed() -> None:
        seen.append([title.id[0] for title in sources.titles()])

    sources = SessionSources(lambda: memory, lambda work: work.close(), changed, lambda: None)
    await sources.refresh()
    assert seen == [["2", "1"], ["2", "1", "0"]]
    await sources.refresh()
    assert seen[2:] == [["2", "1", "0"]]


async def test_expired_sessions_are_read_again_when_they_are_looked_for(sessions_dir: Path) -> None:
    save(sessions_dir, "0b2c3d4e-5678-40ab-8def-1234567890ab", day=1)
    memory = MemoryManager(sessions_dir=sessions_dir)
    started: list[Coroutine[None, None, None]] = []
    sources = SessionSources(lambda: memory, started.append, lambda: None, lambda: None)
    await sources.refresh()
    save(sessions_dir, "1b2c3d4e-5678-40ab-8def-1234567890ab", day=2)
    sources.sessions()
    assert not started
    sources.expire()
    assert not started
    sources.sessions()
    sources.sessions()
    [work] = started
    await work
    assert [title.id[0] for title in sources.sessions().titles] == ["1", "0"]


TITLES = ("Fix the parser", "Why does the build fail?", "Straße und Übergänge", "日本語の天気", "parse_args: a fix")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("parser", [0]),
        ("par", [0, 4]),
        ("FIX par", [0, 4]),
        ("par fix", [0, 4]),
        ("arser", []),
        ("args", [4]),
        ("fix build", []),
        ("STRASSE", [2]),
        ("U\u0308berg", [2]),
        ("天気", [3]),
        ("日本", [3]),
        ("", []),
        ("?!", []),
    ],
)
def test_titles_are_found_by_the_starts_of_their_words(typed: str, found: list[int]) -> None:
    assert TitleScan(TITLES).find(typed, 10) == found


def test_find_returns_the_first_titles_up_to_the_limit() -> None:
    assert TitleScan(["one two"] * 5).find("tw on", 3) == [0, 1, 2]


WORDS = st.text("abc ", max_size=8)


@given(st.lists(WORDS, max_size=12), WORDS)
def test_find_agrees_with_a_comparison_word_by_word(titles: list[str], typed: str) -> None:
    wanted = split_words(typed)
    assert TitleScan(titles).find(typed, 99) == [
        number
        for number, title in enumerate(titles)
        if wanted and all(any(word.startswith(start) for word in split_words(title)) for start in wanted)
    ]
