from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from prompt_toolkit.utils import get_cwidth

from repl.output.markdown import render_markdown
from repl.output.theme import Depth, Theme


def plain(text: str, width: int = 60) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", render_markdown(text, width, Theme()))


def test_emphasis_is_styled_without_its_marks() -> None:
    assert render_markdown("a **b** c", 60, Theme()) == "a \x1b[1mb\x1b[0m c\n"


def test_code_block_is_rendered_without_decoration() -> None:
    code = "def f(x):\n    return x\n\n\nclass A:\n    pass"
    assert plain(f"```python\n{code}\n```") == code + "\n"


def test_long_code_line_is_left_for_the_terminal_to_wrap() -> None:
    code = "x = " + "1 + " * 50 + "1"
    assert plain(f"```python\n{code}\n```") == code + "\n"


def test_code_in_a_list_is_not_cut() -> None:
    code = "y" * 100
    assert plain(f"- item\n  ```\n  {code}\n  ```").count("y") == 100


def test_lines_have_no_trailing_spaces() -> None:
    assert not any(
        line.endswith(" ") for line in plain("# Head\n\ntext\n\n- a\n- b\n\n| a |\n|---|\n| b |").split("\n")
    )


def test_headings_are_left_aligned() -> None:
    assert plain("# One") == "One\n"


def test_soft_line_breaks_are_kept() -> None:
    assert plain("one\ntwo") == "one\ntwo\n"


def test_html_is_shown_as_source() -> None:
    assert plain("a <b>b</b> <!-- c -->") == "a <b>b</b> <!-- c -->\n"
    assert plain("<div>\nhi\n</div>") == "<div>\nhi\n</div>\n"


def test_links_show_their_url_without_hyperlink_codes() -> None:
    shown = render_markdown("[a](https://b.example) <https://c.example> ![d](e.png)", 80, Theme())
    assert "\x1b]8" not in shown
    assert plain("[a](https://b.example)") == "a (https://b.example)\n"
    assert plain("<https://c.example>") == "https://c.example\n"
    assert plain("![d](e.png)") == "d (e.png)\n"


def test_ordered_list_keeps_its_first_number() -> None:
    assert plain("7. seven\n8. eight") == "7. seven\n8. eight\n"


def test_list_of_tasks_shows_boxes() -> None:
    assert plain("- [ ] one\n- [x] two\n- three") == "☐ one\n☑ two\n• three\n"


def test_text_of_an_item_is_aligned_on_every_row() -> None:
    assert plain("- one two three\n  - four five\n\n  six", 12) == "• one two\n  three\n  ◦ four\n    five\n\n  six\n"


def test_japanese_is_broken_between_characters_but_not_before_a_comma() -> None:
    assert plain("text 日本語、文章", 11) == "text 日本\n語、文章\n"


def test_diff_in_an_answer_has_line_numbers() -> None:
    assert plain("```diff\n@@ -4 +4 @@\n-old\n+new\n```") == "  4 - old\n  4 + new\n"


def test_table_has_aligned_columns() -> None:
    assert plain("| a | b |\n|--:|:-:|\n| 1 | two |\n| 10 | x |") == " a │  b\n───┼────\n 1 │ two\n10 │  x\n"


def test_table_on_a_very_narrow_screen_is_a_list() -> None:
    shown = plain("| name | size | made by |\n|---|---|---|\n| one two | 20 MB | Ada Lovelace |", 20)
    assert shown == "────────\nname one two\nsize 20 MB\nmade by Ada Lovelace\n"


def test_table_cells_are_folded_not_cut() -> None:
    shown = plain(f"| a | b |\n|---|---|\n| {'x' * 60} | y |", 40)
    assert shown.count("x") == 60
    assert all(get_cwidth(line) <= 40 for line in shown.split("\n"))


def test_rich_markup_is_shown_as_text() -> None:
    assert plain("[bold]x[/bold] [/] :smile:") == "[bold]x[/bold] [/] :smile:\n"


def test_markdown_without_color_has_no_color_codes() -> None:
    assert "\x1b[3" not in render_markdown("`code`\n\n```python\nreturn 'x'\n```", 60, Theme(Depth.NONE))


def test_wide_characters_wrap_by_cells() -> None:
    assert all(get_cwidth(line) <= 20 for line in plain("日本語 " * 20, 20).split("\n"))


def test_renderer_failure_shows_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def trip(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(MarkdownIt, "parse", trip)
    assert plain("**text** stays") == "**text** stays\n"


@settings(deadline=None)
@given(st.text(st.sampled_from(list("*_`#>-|[]()!<&;~ \n1.ab")), max_size=80))
def test_markdown_never_loses_letters(text: str) -> None:
    """Markup may disappear, but no letter of the text."""
    letters = [character for character in plain("word " + re.sub(r"[^ab \n]", "", text), 20) if character in "ab"]
    assert letters == [character for character in text if character in "ab"]


@pytest.mark.parametrize(
    "text",
    [
        'see [docs][1] or [1]\n\n[1]: https://a.example/b_c_d*e*f "Title"',
        "[Answer]: 42",
        "[Answer]:\n42",
        "> [q]: quoted\n\nSo[^1] it is.\n\n[^1]: a note",
        "- [x]: item\n- [y]: item",
        "**https://a.example/b_c_d** and [https://a.example/x_y](z) https://a.example/*b*/c",
        '[a](b "title") ![c](d "other title")',
        "| a | b |\n|---|---|\n| 1 | 2 | 3 | 4 |",
    ],
)
def test_rendering_keeps_every_word(text: str) -> None:
    words = re.findall(r"[\w/.:]*\w[\w/.]*", re.sub(r"(?<!/)\*\*", "", text))
    shown = plain(text, 100)
    assert [word for word in words if word not in shown] == []


def test_link_reference_definition_is_shown_as_it_was_written() -> None:
    text = "[1]: https://a.example/b_c*d*e\n[Answer]: 42"
    assert plain(text) == f"{text}\n"


_UNIT = st.sampled_from(
    [
        "[a]: w",
        "[^1]: w",
        "[w][a]",
        "| w | w |",
        "|---|---|",
        "- w",
        "> w",
        "1. w",
        "w",
        "",
        "    w",
        "[w](w 'w')",
        "![w](w)",
        "# w",
        "<b>w</b>",
        "<!-- w -->",
        "~~~\nw\n~~~",
        "[a]:",
        "**w** _w_ `w`",
        "https://w/w_w*w",
    ]
)


@given(st.lists(_UNIT, max_size=12))
@settings(deadline=None)
def test_no_word_of_an_answer_vanishes(units: list[str]) -> None:
    text = "\n".join(units)
    assert plain(text, 200).count("w") >= text.count("w")
