"""All colors come from the theme, and are readable on dark and light backgrounds.

Only an exported page defines colors itself, because it also defines its background.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import repl
from aloop.export.page.style import STYLE as PAGE
from repl.output.markdown import render_markdown
from repl.output.theme import Depth, Style, Theme, background_of, prompt_style
from tests.figures.contrast import PALETTES, ROLES, contrast, contrast_of

ATTRIBUTES = {"", "0", "1", "2", "3", "4", "7", "9"}
READABLE = ATTRIBUTES | {"31", "32", "33", "35", "36"}
SAMPLE = """\
# One
## Two
### Three
*a* **b** `c` ~~d~~ [e](f) ![g](h)

> quote

1. item
- item

| k | l |
|---|---|
| m | n |

```python
@decorator
class A(B):  # comment
    def f(self): return not len("text") + 1 is None
```
"""
STRAY = re.compile(
    r"ansi(?:red|green|yellow|blue|magenta|cyan|white|black|gray|bright)|\bfg:|\bbg:|x1b\[[\d;]*m|#[0-9a-fA-F]{6}\b"
    r"|[\"'](?:dim|reverse|noinherit|red|green|yellow|blue|magenta|cyan|bold)[\"' ]"
)


def test_text_has_attributes_or_readable_colors_of_the_terminal() -> None:
    codes = {code for style in Style for code in Theme().codes(style).split(";")}
    assert codes <= READABLE


def test_without_color_no_style_has_a_color() -> None:
    theme = Theme(Depth.NONE, "dark")
    assert {code for style in Style for code in theme.codes(style).split(";")} <= ATTRIBUTES


def test_markdown_and_code_use_readable_colors_only() -> None:
    codes = re.findall(r"\x1b\[([\d;]*)m", render_markdown(SAMPLE, 80, Theme()))
    used = {code for sequence in codes for code in sequence.split(";")}
    assert {"2", "32", "33", "36"} < used <= READABLE


def test_styles_are_defined_in_the_theme_only() -> None:
    folder = Path(repl.__file__).parent
    files = [path for path in folder.rglob("*.py") if path.name != "theme.py"]
    stray = {str(path.relative_to(folder)): found for path in files if (found := STRAY.findall(path.read_text()))}
    # The first paint repeats, cell by cell, what prompt_toolkit draws.
    assert set(stray) <= {"startup/first_paint.py", "output/styled.py"}


@pytest.mark.parametrize("role", ROLES)
def test_role_is_readable_in_common_palettes(role: str) -> None:
    """Dim text is exempt: its contrast is what the terminal makes of it."""
    look = ROLES[role]
    styles = look if isinstance(look, tuple) else (look,)
    least = 1.8 if {Style.QUIET, Style.COMMENT} & set(styles) else 2.9  # the accent on Solarized Light
    for depth in (Depth.BASE, Depth.TRUE):
        assert min(contrast_of(look, palette, depth) for palette in PALETTES) >= least


@pytest.mark.parametrize(
    ("env", "depth"),
    [
        ({"TERM": "xterm"}, Depth.BASE),
        ({"TERM": "xterm-256color"}, Depth.INDEXED),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Depth.TRUE),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Depth.NONE),
    ],
)
def test_colors_of_the_terminal_are_found_in_the_environment(env: dict[str, str], depth: Depth) -> None:
    assert Theme.from_env(env).depth is depth


def test_background_is_found_in_the_environment_or_by_its_color() -> None:
    assert Theme.from_env({"COLORFGBG": "15;0"}).background == "dark"
    assert Theme.from_env({"COLORFGBG": "0;default;15"}).background == "light"
    assert Theme.from_env({}).background == ""
    assert background_of(0.0, 0.17, 0.21) == "dark"
    assert background_of(0.99, 0.96, 0.89) == "light"


def test_rows_have_a_background_only_if_that_of_the_terminal_is_known() -> None:
    assert Theme(Depth.TRUE, "dark").codes(Style.ADDED).startswith("48;2;")
    assert Theme(Depth.INDEXED, "light").codes(Style.ADDED) == "48;5;194"
    for theme in (Theme(Depth.TRUE), Theme(Depth.BASE, "dark")):
        assert theme.codes((Style.ADDED, Style.STRING)) == "32"
        assert theme.codes((Style.REMOVED_WORD, Style.STRING)) == "7;31"


def test_prompt_style_names_the_attributes_of_prompt_toolkit() -> None:
    assert prompt_style(Style.PLAIN) == ""
    assert prompt_style(Style.BAD) == "fg:ansired"
    assert prompt_style((Style.STRONG, Style.ACCENT)) == "bold fg:ansicyan"


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_exported_page_has_enough_contrast(theme: int) -> None:
    colors = dict(re.findall(r"--(\w+): #(\w{6})", PAGE.split("@media")[theme]))
    for text, ground in product(
        ("text", "quiet", "accent", "bad", "keyword", "string", "number", "comment", "name"), ("page", "panel")
    ):
        assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
