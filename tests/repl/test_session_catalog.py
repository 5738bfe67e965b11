from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from aloop.memory import SessionTitle
from repl.session_catalog import OFFERED, SHORT_ID, SessionCatalog

NOW = datetime(2025, 6, 15, tzinfo=UTC)


def catalog(ids: list[str]) -> SessionCatalog:
    sessions = SessionCatalog()
    sessions.replace([SessionTitle(session_id, NOW, "") for session_id in ids])
    return sessions


IDS = st.lists(st.text("ab1-", min_size=10, max_size=12), unique=True, max_size=30)


@given(IDS, st.text("ab1-", max_size=4))
def test_what_is_found_is_what_a_look_at_every_id_would_find(ids: list[str], prefix: str) -> None:
    found = [entry.title.id for entry in catalog(ids).find(prefix)]
    assert found == [session_id for session_id in ids if session_id.startswith(prefix)][:OFFERED]


@given(IDS)
def test_the_shortest_form_of_an_id_is_its_own_and_eight_at_least(ids: list[str]) -> None:
    for entry in catalog(ids).find(""):
        sharing = [session_id for session_id in ids if session_id.startswith(entry.shortest)]
        assert sharing == [entry.title.id] or entry.shortest == entry.title.id
        assert len(entry.shortest) >= SHORT_ID


def test_an_empty_catalog_finds_nothing() -> None:
    assert SessionCatalog().find("a") == []
    assert SessionCatalog().find("") == []
