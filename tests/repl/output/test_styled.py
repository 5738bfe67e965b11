from __future__ import annotations

from repl.output.styled import line, to_ansi, to_text
from repl.output.theme import Depth, Style, Theme


def test_to_ansi_resets_the_style_after_its_text() -> None:
    assert to_ansi([line("plain ", (Style.BAD, "bad"))], Theme()) == "plain \x1b[91mbad\x1b[0m\n"


def test_to_ansi_without_color_keeps_bold_and_dim() -> None:
    lines = [line((Style.BAD, "bad"), (Style.STRONG, "strong"))]
    assert to_ansi(lines, Theme(Depth.NONE)) == "bad\x1b[1mstrong\x1b[0m\n"


def test_to_text_has_no_styles() -> None:
    assert to_text([line((Style.STRONG, "one")), line("two")]) == "one\ntwo\n"
