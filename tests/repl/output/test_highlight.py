"""Colors of code that arrives line by line."""

from __future__ import annotations

import pytest
from rich.text import Text

from repl.output.highlight import Highlighter, highlight
from repl.output.rich_lines import line_of
from repl.output.styled import to_ansi
from repl.output.theme import Theme

SAMPLES = {
    "python": 'def f(x):\n    """Text\n\n    def no(): pass\n    """\n    return f"{x}"  # why\n\n\nclass A:\n    pass',
    "javascript": "/* a\n const b\n*/\nconst f = (x) => `a\n${x} b\n`;\n// c\nfunction g() { return 1; }",
    "c": "#include <a.h>\n/* two\n lines */\nint main(void) {\n  return 0;\n}",
    "bash": 'for x in *; do echo "$x\n two"; done',
    "html": '<!-- a\n b -->\n<p class="x">text</p>',
    "yaml": "a:\n  - b: |\n      text\n  - c",
    "nonsense": "what = ever",
    "": "plain",
}


def ansi(lines: list[Text]) -> str:
    return to_ansi(map(line_of, lines), Theme())


@pytest.mark.parametrize("language", SAMPLES)
def test_lines_have_the_same_colors_alone_as_together(language: str) -> None:
    lines = SAMPLES[language].split("\n")
    highlighter = Highlighter(language)
    one_by_one = [row for text in lines for row in highlighter.add([text])]
    assert ansi(one_by_one) == ansi(highlight(SAMPLES[language], language))


def test_preview_has_the_colors_of_an_open_string() -> None:
    highlighter = Highlighter("python")
    highlighter.add(['"""A'])
    assert ansi([highlighter.preview("def f")]) == "\x1b[32mdef f\x1b[0m\n"


def test_language_of_a_file_is_found_by_its_name() -> None:
    assert "\x1b[94m" in ansi(Highlighter.for_file("a/b.py").add(["return"]))
    assert ansi(Highlighter.for_file("LICENSE").add(["return"])) == "return\n"


def test_very_long_line_is_plain() -> None:
    assert ansi(highlight("1 + " * 1_000, "python")) == "1 + " * 1_000 + "\n"
