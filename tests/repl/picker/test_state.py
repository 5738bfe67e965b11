"""Tests of the state of the picker, without a screen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.search.search import Hit
from aloop.memory.session import SessionTitle
from repl.picker.state import Matcher, Mode, Picker, entry_of, matched_places
from repl.picker.view import heights

NOW = datetime(2025, 6, 15, tzinfo=UTC)


def picker(*titles: str) -> Picker:
    """Return a picker of sessions with the IDs ``0…``, ``1…`` and so on."""
    return Picker([entry_of(SessionTitle(f"{n:x}0000000-5678", NOW, title)) for n, title in enumerate(titles)])


def shown(picking: Picker, height: int = 10) -> list[str]:
    return [session.title for session, _ in picking.window(height)]


def highlighted(picking: Picker) -> str:
    return picking.highlighted.title if picking.highlighted else ""


def test_empty_filter_shows_all_sessions_in_order() -> None:
    picking = picker("b", "a", "c")
    assert shown(picking) == ["b", "a", "c"]
    assert (highlighted(picking), picking.count, picking.total) == ("b", 3, 3)


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("weather", ["weather report", "The weather", "underweather"]),
        ("WEATHER", ["weather report", "The weather", "underweather"]),
        ("report weather", ["weather report"]),
        ("wthr", ["weather report", "The weather", "underweather", "with other tea"]),
        ("3000", ["The weather"]),
        ("grüsse", ["Grüße 日本語"]),
        ("本", ["Grüße 日本語"]),
        ("xyz", []),
        ("[^a]*+(", []),
    ],
)
def test_filter_sorts_the_best_match_first(text: str, titles: list[str]) -> None:
    picking = picker("underweather", "with other tea", "weather report", "The weather", "Grüße 日本語", "-")
    picking.set_filter(text)
    assert sorted(shown(picking)) == sorted(titles)
    if text == "weather":
        assert shown(picking)[2] == "underweather"
    if text == "wthr":
        assert shown(picking)[3] == "with other tea"


def test_tool_of_an_imported_session_is_found_by_name_label_and_kind() -> None:
    path = "Look into ~/code/old/desktop/extra/report.txt"  # has the letters of codex, far from each other
    picking = Picker(
        [
            entry_of(SessionTitle("1", NOW, path, origin="cline")),
            entry_of(SessionTitle("2", NOW, "Fix the parser", origin="codex", kind="subagent")),
            entry_of(SessionTitle("3", NOW, "Parser of codex", origin="claude-code")),
        ]
    )
    for text, found in (
        ("codex", "32"),
        ("claude-code", "3"),
        ("Claude Code", "3"),
        ("roo", "1"),
        ("codex fix", "2"),
        ("subagent", "2"),
        ("cdxtr", ""),
    ):
        picking.set_filter(text)
        assert "".join(session.id for session, _ in picking.window(9)) == found, text


def test_scattered_letters_match_only_if_nothing_else_does() -> None:
    picking = picker("with other tea", "The wthr report")
    picking.set_filter("wthr")
    assert shown(picking) == ["The wthr report"]
    picking.set_filter("wtha")
    assert shown(picking) == ["with other tea"]


def test_row_of_other_tools_is_not_counted_as_a_session() -> None:
    last = entry_of(SessionTitle("import", NOW, "14 from Codex here"), is_last=True)
    picking = Picker([entry_of(SessionTitle("1", NOW, "a codex")), entry_of(SessionTitle("2", NOW, "b")), last])
    assert (picking.session_total, picking.session_count) == (2, 2)
    picking.set_filter("codex")
    assert (picking.total, picking.count, picking.session_count) == (3, 2, 1)
    assert Picker([]).session_total == 0


def test_id_prefix_ranks_before_a_title() -> None:
    picking = picker("20000000 things", "b", "c")
    picking.set_filter("200")
    assert shown(picking) == ["c", "20000000 things"]


@pytest.mark.parametrize("text", ["claude", "c", "import", "14 from"])
def test_last_entry_is_below_all_others_however_well_it_matches(text: str) -> None:
    last = entry_of(SessionTitle("import", NOW, "14 from Claude Code here"), is_last=True)
    others = [entry_of(SessionTitle("1", NOW, "include a guide")), entry_of(SessionTitle("2", NOW, "import of claude"))]
    picking = Picker(others)
    picking.set_filter(text)
    before = highlighted(picking)
    picking.replace([*others, last])
    assert shown(picking)[-1] == "14 from Claude Code here"
    assert highlighted(picking) == (before or "14 from Claude Code here")


def test_first_messages_are_searched_once_they_are_known() -> None:
    picking = picker("a", "b", "c")
    picking.set_filter("zebra stripes")
    assert shown(picking) == []
    picking.add_first_messages({"10000000-5678": "how many stripes has a zebra"})
    assert shown(picking) == ["b"]


@given(st.lists(st.text("ab c", max_size=8), max_size=12), st.text("ab c", max_size=6))
def test_incremental_filter_finds_the_same_as_a_new_one(titles: list[str], text: str) -> None:
    entries = [entry_of(SessionTitle(f"{n:x}0", NOW, title)) for n, title in enumerate(titles)]
    typed = Matcher(entries)
    for end in range(len(text)):
        typed.find(text[:end])
    assert list(typed.find(text)) == list(Matcher(entries).find(text))


def test_highlight_stops_at_the_ends_and_the_window_follows() -> None:
    picking = picker(*map(str, range(10)))
    picking.move(-1)
    assert highlighted(picking) == "0"
    picking.move(4)
    assert [is_highlighted for _, is_highlighted in picking.window(3)] == [False, False, True]
    picking.move(-1)
    assert shown(picking, 3) == ["2", "3", "4"]
    picking.move(100)
    assert (highlighted(picking), shown(picking, 3)) == ("9", ["7", "8", "9"])
    assert shown(picking, 20) == list(map(str, range(10)))


def test_letters_are_part_of_a_filter_until_it_is_empty() -> None:
    picking = picker("a")
    modes = [picking.mode]
    picking.begin_filter()
    modes.append(picking.mode)
    picking.set_filter("d")
    modes.append(picking.mode)
    picking.set_filter("")
    assert [*modes, picking.mode] == [Mode.BROWSE, Mode.FILTER, Mode.FILTER, Mode.BROWSE]


def test_question_needs_a_match_and_ends_in_the_mode_before() -> None:
    picking = picker("a")
    picking.set_filter("a")
    assert picking.begin(Mode.TRASH)
    picking.end()
    assert picking.mode is Mode.FILTER
    picking.set_filter("zzz")
    assert not picking.begin(Mode.RENAME)
    assert picking.mode is Mode.FILTER


def test_removing_a_session_highlights_the_next() -> None:
    picking = picker("a", "b", "c")
    picking.move(1)
    picking.remove("10000000-5678")
    assert (highlighted(picking), shown(picking)) == ("c", ["a", "c"])
    picking.remove("20000000-5678")
    assert highlighted(picking) == "a"
    picking.remove("00000000-5678")
    assert (picking.highlighted, shown(picking)) == (None, [])


def test_new_title_is_found_and_stays_highlighted() -> None:
    picking = picker("a", "b", "c")
    picking.move(1)
    picking.retitle("10000000-5678", "renamed")
    assert highlighted(picking) == "renamed"
    picking.set_filter("renamed")
    assert shown(picking) == ["renamed"]


def test_renamed_session_stays_listed_until_the_filter_changes() -> None:
    picking = picker("an apple", "an orange", "an apricot")
    picking.set_filter("an ap")
    picking.retitle("00000000-5678", "renamed")
    assert (highlighted(picking), shown(picking)) == ("renamed", ["renamed", "an apricot"])
    picking.set_filter("an ap")
    assert shown(picking) == ["an apricot"]


def test_highlight_stays_on_its_session_when_the_list_changes() -> None:
    picking = picker("a", "b")
    picking.move(1)
    more = [SessionTitle("f0000000-5678", NOW, "new"), SessionTitle("00000000-5678", NOW, "a")]
    picking.replace([entry_of(session) for session in (*more, SessionTitle("10000000-5678", NOW, "b"))])
    assert (highlighted(picking), picking.total) == ("b", 3)


@pytest.mark.parametrize(("total", "rows", "parts"), [(10_000, 24, (10, 10)), (10_000, 20, (8, 8)), (3, 40, (3, 33))])
def test_heights_share_the_screen(total: int, rows: int, parts: tuple[int, int]) -> None:
    assert heights(total, rows) == parts


@pytest.mark.parametrize("rows", range(1, 60))
def test_list_is_shown_on_every_screen_height(rows: int) -> None:
    listed, pane = heights(10_000, rows)
    assert listed >= 3
    assert listed + pane + 4 <= max(rows, 7)


@pytest.mark.parametrize(
    ("wanted", "bold"),
    [
        ("plan", "Plan"),
        ("the plan", "Planthe"),
        ("pnm", "Pnm"),
        ("a1b2", ""),
        ("", ""),
    ],
)
def test_matched_places_are_those_of_phrase_words_or_letters(wanted: str, bold: str) -> None:
    title = "Plan the meeting"
    assert "".join(title[place] for place in sorted(matched_places(title, wanted))) == bold


def test_open_session_is_not_highlighted_first() -> None:
    entries = [entry_of(SessionTitle(f"{name}0000000-5678", NOW, name)) for name in ("a", "b")]
    picking = Picker((), entries[0].session.id)
    picking.replace(entries)
    assert highlighted(picking) == "b"
    picking.move(-1)
    picking.replace(entries)
    assert highlighted(picking) == "a"


def test_search_lists_sessions_in_the_order_of_their_matches() -> None:
    picking = picker("one", "two", "three")
    hit = Hit(SessionTitle("x", NOW, ""), 1, "user", "a match")
    picking.set_filter("match")
    assert picking.count == 0
    picking.begin_search()
    for key in ("20000000-5678", "00000000-5678", "20000000-5678", "unknown"):
        picking.add_hit(key, hit)
    assert shown(picking) == ["three", "one"]
    assert [len(found) for found in (picking.hits or {}).values()] == [2, 1]
    picking.remove("20000000-5678")
    assert shown(picking) == ["one"]
    picking.set_filter("tw")
    assert picking.hits is None
    assert shown(picking) == ["two"]


def test_open_session_is_passed_over_again_when_the_filter_is_empty() -> None:
    picking = Picker([entry_of(SessionTitle(name, NOW, name)) for name in ("a1", "a2")], "a1")
    picking.replace([entry_of(SessionTitle(name, NOW, name)) for name in ("a1", "a2")])
    picking.set_filter("a1")
    assert picking.highlighted is not None
    assert picking.highlighted.id == "a1"
    picking.set_filter("")
    assert picking.highlighted is not None
    assert picking.highlighted.id == "a2"
