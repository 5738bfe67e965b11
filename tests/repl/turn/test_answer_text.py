"""Markdown that arrives in pieces."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repl.output.markdown import markdown_lines
from repl.output.styled import to_text
from repl.turn.answer_text import AnswerText

WIDTH, ROOM = 60, 20


def text_of(answer: AnswerText, *pieces: str) -> list[str]:
    """Return the rows that ``pieces`` finish."""
    return [row for piece in pieces for row in to_text(answer.feed(piece)).splitlines()]


def rest_of(answer: AnswerText) -> list[str]:
    return to_text(answer.rest(WIDTH, ROOM)).splitlines()


def streamed(text: str, size: int, room: int = ROOM) -> list[str]:
    answer = AnswerText(lambda: WIDTH, lambda: room)
    rows = text_of(answer, *(text[start : start + size] for start in range(0, len(text), size)))
    return [*rows, *to_text(answer.finish()).splitlines()]


@pytest.fixture
def answer() -> AnswerText:
    return AnswerText(lambda: WIDTH, lambda: ROOM)


def test_paragraph_is_finished_at_a_blank_line(answer: AnswerText) -> None:
    assert text_of(answer, "one **two**\n") == []
    assert rest_of(answer) == ["one two"]
    assert text_of(answer, "\nthree") == ["one two"]
    assert rest_of(answer) == ["", "three"]


def test_line_of_code_is_finished_at_once(answer: AnswerText) -> None:
    assert text_of(answer, "So:\n```python\nif x:\n    y") == ["So:", "", "if x:"]
    assert rest_of(answer) == ["    y"]
    assert text_of(answer, " = 1\n\nz\n``") == ["    y = 1", "", "z"]
    assert rest_of(answer) == []
    assert text_of(answer, "`\nend\n\n") == ["", "end"]


def test_item_is_finished_when_the_next_one_begins(answer: AnswerText) -> None:
    assert text_of(answer, "- one\n  - inner\n- tw") == []
    assert rest_of(answer) == ["• one", "  ◦ inner", "• tw"]
    assert text_of(answer, "o\n") == ["• one", "  ◦ inner"]
    assert rest_of(answer) == ["• two"]


def test_row_of_a_long_table_is_finished_at_once() -> None:
    answer = AnswerText(lambda: WIDTH, lambda: 4)
    assert text_of(answer, "| a | b |\n|---|---|\n| 1 | 2 |\n") == []
    assert rest_of(answer) == ["a │ b", "──┼──", "1 │ 2"]
    assert text_of(answer, "| 3 | 4 |\n| 5 | 6 |\n")[0].split() == ["a", "│", "b"]
    assert [row.split() for row in text_of(answer, "| 7 | 8 |\n")] == [["7", "│", "8"]]


def test_paragraph_taller_than_the_room_is_finished_from_its_start() -> None:
    answer = AnswerText(lambda: WIDTH, lambda: 4)
    words = [f"word{number}" for number in range(100)]
    rows = text_of(answer, *(f"{word} " for word in words), "\n")
    assert rows
    assert " ".join([*rows, *to_text(answer.finish()).splitlines()]).split() == words


@pytest.mark.parametrize("pattern", ["**word{}**, ", "漢字、**仮名**交じり。文（{}）"])
def test_resize_after_the_start_was_printed_neither_loses_nor_repeats_text(pattern: str) -> None:
    width = [60]
    answer = AnswerText(lambda: width[0], lambda: 4)
    pieces = [pattern.format(number) for number in range(200)]
    rows = []
    for number, piece in enumerate(pieces):
        width[0] = 20 + number * 37 % 60
        rows += text_of(answer, piece)
    rows += to_text(answer.finish()).splitlines()
    assert _letters_of("".join(rows)) == _letters_of("".join(pieces))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"**word{number}**, [a{number}](b{number})" for number in range(60)),
        "\n".join(f"- word{number} and\n  so on" for number in range(30)),
        "```\n" + " ".join(f"word{number}" for number in range(99)) + "\n}\n```\nThe end",
        "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | x{number} |" for number in range(30)) + "\n\nThe end",
        "漢字、**仮名**交じり。文「一」" * 30,
    ],
)
def test_rows_that_stay_on_the_screen_are_not_printed_again(text: str, seed: int) -> None:
    chance = random.Random(seed)
    width = 60
    answer = AnswerText(lambda: width, lambda: 12)
    rows: list[str] = []
    for start in range(0, len(text), 7):
        rows += text_of(answer, text[start : start + 7])
        if start % 5 == 0:
            kept = answer.rest(width, 1000)[: chance.randrange(3)]
            assert answer.keep(kept)
            rows += to_text(kept).splitlines()
            width = chance.choice([20, 33, 60])
    rows += to_text(answer.finish()).splitlines()
    assert _letters_of("\n".join(rows)) == _letters_of("\n".join(to_text(markdown_lines(text, 60)).splitlines()))


def test_rows_that_stay_on_the_screen_without_those_before_them_are_printed_again(answer: AnswerText) -> None:
    words = [f"word{number}" for number in range(99)]
    text_of(answer, "```\n", " ".join(words))
    assert not answer.keep(answer.rest(WIDTH, 3)[:1])
    assert to_text(answer.finish()).split() == words


def _letters_of(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def test_open_emphasis_is_shown_as_if_it_were_closed(answer: AnswerText) -> None:
    answer.feed("a **bold wo")
    assert rest_of(answer) == ["a bold wo"]
    answer.feed("rd** and `co")
    assert rest_of(answer) == ["a bold word and co"]


def test_numbers_continue_although_items_are_rendered_alone() -> None:
    assert streamed("1. a\n1. b\n\n1. c", 3) == ["1. a", "2. b", "3. c"]
    assert streamed("7) a\n8) b", 3) == ["7. a", "8. b"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("Title\n===\ntext", ["Title", "", "text"]),
        ("text\n# One\nmore", ["text", "", "One", "", "more"]),
        ("- a\n\n1. b", ["• a", "", "1. b"]),
        ("- a\n\ntext", ["• a", "", "text"]),
        ("- a\n  ```\n  code\n\n  - x\n  ```\n- b", ["• a", "", "  code", "", "  - x", "• b"]),
        ("one\r\n\r\ntwo", ["one", "", "two"]),
        ("```\nopen\n\nend", ["open", "", "end"]),
        ("````\n```\ninside\n```\n````", ["```", "inside", "```"]),
        ("```code``` here\n\nnext", ["code here", "", "next"]),
        ("a | b\n--- | ---\n1 | 2\n# End", ["a │ b", "──┼──", "1 │ 2", "", "End"]),
    ],
)
def test_blocks_end_where_markdown_ends_them(text: str, rows: list[str]) -> None:
    assert streamed(text, 4) == rows


LINES = st.sampled_from(
    [
        *("text", "- item", "1. one", "2) two", "  more", "```", "~~~", "# head", "", "| a |", "|---|", "> quote"),
        *("````py", "---", "===", "    code", "**bold", "`code", "* * *", "  - inner", "\t- tab"),
    ]
)


@given(st.lists(LINES, max_size=14), st.integers(1, 9))
@settings(deadline=None)
def test_rows_do_not_depend_on_the_size_of_pieces(lines: list[str], size: int) -> None:
    text = "\n".join(lines)
    assert streamed(text, size) == streamed(text, len(text) + 1)


@given(st.lists(LINES, max_size=14))
@settings(deadline=None)
def test_streamed_rows_are_those_of_the_whole_text(lines: list[str]) -> None:
    """Blank rows do not count: code without a line has none while it streams."""
    text = "\n".join(lines)
    whole = to_text(markdown_lines(text, WIDTH)).splitlines()
    assert [row for row in streamed(text, 5) if row] == [row for row in whole if row]


WORDS = ["- w", "1. w", "  w", "w", "", "# w", "> w", "    w", "| w | w |", "|---|---|", "**w** `w`", "w w w w"]


@given(st.lists(st.sampled_from(WORDS), max_size=16), st.integers(1, 9), st.integers(3, 8))
@settings(deadline=None)
def test_no_word_is_lost_or_repeated(lines: list[str], size: int, room: int) -> None:
    numbers = iter(range(1000))
    text = "".join(f"w{next(numbers)}x" if character == "w" else character for character in "\n".join(lines))
    shown = [word for row in streamed(text, size, room) for word in row.split() if word.startswith("w")]
    assert sorted(shown) == sorted(f"w{number}x" for number in range(text.count("w")))


def test_random_widths_neither_lose_nor_repeat_words() -> None:
    randomness = random.Random(7)
    width = [60]
    answer = AnswerText(lambda: width[0], lambda: 6)
    text = "\n\n".join(f"- **w{n}a** " + " ".join(f"w{n}b{m}" for m in range(40)) for n in range(20))
    rows = []
    for start in range(0, len(text), 7):
        width[0] = randomness.randint(20, 100)
        rows += text_of(answer, text[start : start + 7])
    rows += to_text(answer.finish()).splitlines()
    assert " ".join(rows).replace("•", " ").split() == text.replace("-", " ").replace("*", "").split()
