"""The input line as it is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout import BufferControl, menus
from prompt_toolkit.layout.processors import TransformationInput

from aloop.width import rows, text_width
from repl.input.layout import WordWrap

ROOM = 10


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repl.input.layout._columns", lambda: ROOM + 2)


def wrapped(text: str) -> tuple[str, list[int]]:
    """Return the text that is drawn, and the place of each character and of the end."""
    control = BufferControl(Buffer())
    given = TransformationInput(control, Document(text), 0, lambda index: index, [("", text)], 80, 24)
    done = WordWrap().apply_transformation(given)
    return fragment_list_to_text(done.fragments), [done.source_to_display(index) for index in range(len(text) + 1)]


@given(st.text(st.sampled_from("ab  é日"), max_size=40))
def test_word_wrap_fills_each_row_and_keeps_the_places_of_characters(text: str) -> None:
    shown, places = wrapped(text)
    parts, row = list[str](), ""
    for character in shown:
        if text_width(row + character) > ROOM:
            parts.append(row)
            row = ""
        row += character
    parts.append(row)
    assert [part.rstrip() for part in parts if part.strip()] == [
        part.rstrip() for part in rows(text, ROOM if text_width(text) < ROOM else ROOM - 1) if part.strip()
    ]
    assert places == sorted(places)
    assert all(shown[place] == character for place, character in zip(places, text, strict=False) if character != " ")


@pytest.mark.parametrize("text", ["a full row", "日本日本日", "two rows, full"])
def test_cursor_after_a_full_row_is_beside_its_last_word(text: str) -> None:
    shown, places = wrapped(text)
    last_row = places[-1] // ROOM
    assert shown[last_row * ROOM : places[-1]].strip()


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("Open a saved session", 20, "Open a saved session"),
        ("Open a saved session", 8, "Open a …"),
        ("日本語", 5, "日本…"),
    ],
)
def test_text_in_the_completion_menu_is_cut_with_an_ellipsis(text: str, width: int, shown: str) -> None:
    fragments, used = menus._trim_formatted_text([("", text)], width)
    assert (fragment_list_to_text(fragments), used) == (shown, text_width(shown))
