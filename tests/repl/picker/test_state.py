"""Picking a session, without a screen: filter, highlight, pages, and what a letter means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.session import SessionTitle
from repl.picker.state import Matcher, Mode, Picker, entry_of
from repl.picker.view import heights

NOW = datetime(2025, 6, 15, tzinfo=UTC)


def picker(*titles: str) -> Picker:
    """Return a picker of sessions whose ids are ``0…``, ``1…`` and so on."""
    return Picker([entry_of(SessionTitle(f"{n:x}0000000-5678", NOW, title)) for n, title in enumerate(titles)])


def shown(picking: Picker, height: int = 10) -> list[str]:
    return [session.title for session, _ in picking.window(height)]


def highlighted(picking: Picker) -> str:
    return picking.highlighted.title if picking.highlighted else ""


def test_without_a_filter_all_are_there_as_they_came() -> None:
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
def test_a_filter_finds_the_likeliest_first(text: str, titles: list[str]) -> None:
    picking = picker("underweather", "with other tea", "weather report", "The weather", "Grüße 日本語", "-")
    picking.set_filter(text)
    assert sorted(shown(picking)) == sorted(titles)
    if text == "weather":
        assert shown(picking)[2] == "underweather"
    if text == "wthr":
        assert shown(picking)[3] == "with other tea"


def test_the_beginning_of_an_id_comes_before_a_title() -> None:
    picking = picker("20000000 things", "b", "c")
    picking.set_filter("200")
    assert shown(picking) == ["c", "20000000 things"]


def test_what_was_said_first_is_looked_in_once_it_is_known() -> None:
    picking = picker("a", "b", "c")
    picking.set_filter("zebra stripes")
    assert shown(picking) == []
    picking.add_first_messages({"10000000-5678": "how many stripes has a zebra"})
    assert shown(picking) == ["b"]


@given(st.lists(st.text("ab c", max_size=8), max_size=12), st.text("ab c", max_size=6))
def test_typing_letter_by_letter_finds_what_pasting_finds(titles: list[str], text: str) -> None:
    entries = [entry_of(SessionTitle(f"{n:x}0", NOW, title)) for n, title in enumerate(titles)]
    typed = Matcher(entries)
    for end in range(len(text)):
        typed.find(text[:end])
    assert list(typed.find(text)) == list(Matcher(entries).find(text))


def test_the_highlight_stops_at_the_ends_and_the_window_follows_it() -> None:
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


def test_a_filter_takes_letters_that_are_commands_until_it_is_gone() -> None:
    picking = picker("a")
    modes = [picking.mode]
    picking.begin_filter()
    modes.append(picking.mode)
    picking.set_filter("d")
    modes.append(picking.mode)
    picking.set_filter("")
    assert [*modes, picking.mode] == [Mode.BROWSE, Mode.FILTER, Mode.FILTER, Mode.BROWSE]


def test_a_question_is_about_something_and_ends_where_it_began() -> None:
    picking = picker("a")
    picking.set_filter("a")
    assert picking.begin(Mode.TRASH)
    picking.end()
    assert picking.mode is Mode.FILTER
    picking.set_filter("zzz")
    assert not picking.begin(Mode.RENAME)
    assert picking.mode is Mode.FILTER


def test_what_goes_gives_its_place_to_the_next() -> None:
    picking = picker("a", "b", "c")
    picking.move(1)
    picking.remove("10000000-5678")
    assert (highlighted(picking), shown(picking)) == ("c", ["a", "c"])
    picking.remove("20000000-5678")
    assert highlighted(picking) == "a"
    picking.remove("00000000-5678")
    assert (picking.highlighted, shown(picking)) == (None, [])


def test_a_new_title_is_found_at_once_and_stays_highlighted() -> None:
    picking = picker("a", "b", "c")
    picking.move(1)
    picking.retitle("10000000-5678", "renamed")
    assert highlighted(picking) == "renamed"
    picking.set_filter("renamed")
    assert shown(picking) == ["renamed"]


def test_what_was_renamed_stays_highlighted_where_it_fits_the_filter_no_more() -> None:
    picking = picker("an apple", "an orange", "an apricot")
    picking.set_filter("an ap")
    picking.retitle("00000000-5678", "renamed")
    assert (highlighted(picking), shown(picking)) == ("renamed", ["renamed", "an apricot"])
    picking.set_filter("an ap")
    assert shown(picking) == ["an apricot"]


def test_what_is_highlighted_stays_so_when_more_are_read() -> None:
    picking = picker("a", "b")
    picking.move(1)
    more = [SessionTitle("f0000000-5678", NOW, "new"), SessionTitle("00000000-5678", NOW, "a")]
    picking.replace([entry_of(one) for one in (*more, SessionTitle("10000000-5678", NOW, "b"))])
    assert (highlighted(picking), picking.total) == ("b", 3)


@pytest.mark.parametrize(("total", "rows", "parts"), [(10_000, 24, (10, 10)), (10_000, 20, (8, 8)), (3, 40, (3, 18))])
def test_the_screen_is_shared(total: int, rows: int, parts: tuple[int, int]) -> None:
    assert heights(total, rows) == parts


@pytest.mark.parametrize("rows", range(1, 60))
def test_whatever_the_screen_the_list_is_there_and_all_fits_where_it_can(rows: int) -> None:
    listed, pane = heights(10_000, rows)
    assert listed >= 3
    assert listed + pane + 4 <= max(rows, 7)
