"""All colors come from the theme, and are readable on dark and light backgrounds.

Only an exported page defines colors itself, because it also defines its background.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import _EscapeCodeCache
from prompt_toolkit.styles import Style as PromptStyle

import repl
from aloop.export.page.style import STYLE as PAGE
from repl.output.markdown import render_markdown
from repl.output.screen import Screen
from repl.output.theme import (
    GROUND_STYLES,
    Background,
    Depth,
    Style,
    Theme,
    background_of,
    prompt_style,
    prompt_styles,
)
from tests.figures.contrast import PALETTES, ROLES, contrast, contrast_of
from tests.repl.terminal import Terminal

ATTRIBUTES = {"", "0", "1", "2", "3", "4", "7", "9"}
READABLE: dict[Background, set[str]] = {
    "": ATTRIBUTES | {"32", "91", "94", "95"},
    "dark": ATTRIBUTES | {"32", "33", "36", "91"},
    "light": ATTRIBUTES | {"31", "32", "34", "35"},
}
BACKGROUNDS: tuple[Background, ...] = ("", "dark", "light")
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


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_text_has_attributes_or_readable_colors_of_the_terminal(background: Background) -> None:
    codes = {code for style in Style for code in Theme(Depth.BASE, background).codes(style).split(";")}
    assert codes <= READABLE[background]


def test_without_color_no_style_has_a_color() -> None:
    theme = Theme(Depth.NONE, "dark")
    assert {code for style in Style for code in theme.codes(style).split(";")} <= ATTRIBUTES


def test_markdown_and_code_use_readable_colors_only() -> None:
    codes = re.findall(r"\x1b\[([\d;]*)m", render_markdown(SAMPLE, 80, Theme()))
    used = {code for sequence in codes for code in sequence.split(";")}
    assert {"2", "32", "94", "95"} < used <= READABLE[""]


def test_styles_are_defined_in_the_theme_only() -> None:
    folder = Path(repl.__file__).parent
    files = [path for path in folder.rglob("*.py") if path.name != "theme.py"]
    stray = {str(path.relative_to(folder)): found for path in files if (found := STRAY.findall(path.read_text()))}
    # The first paint repeats, cell by cell, what prompt_toolkit draws.
    assert set(stray) <= {"startup/first_paint.py", "output/styled.py"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("depth", [Depth.INDEXED, Depth.TRUE])
def test_role_is_readable_in_common_palettes(role: str, depth: Depth) -> None:
    assert min(contrast_of(ROLES[role], palette, depth) for palette in PALETTES) >= 3


@pytest.mark.parametrize("depth", [Depth.INDEXED, Depth.TRUE])
def test_accent_code_and_success_have_the_contrast_of_text_in_most_palettes(depth: Depth) -> None:
    for style in (Style.ACCENT, Style.CODE, Style.GOOD):
        assert sum(contrast_of(style, palette, depth) >= 4.5 for palette in PALETTES) >= len(PALETTES) * 0.8


@pytest.mark.parametrize("role", ROLES)
def test_role_is_readable_if_the_background_is_unknown(role: str) -> None:
    least = 2.9 if role == "keyword" else 3  # on Solarized Light
    assert min(contrast_of(ROLES[role], palette, is_known=False) for palette in PALETTES) >= least


@pytest.mark.parametrize("role", ROLES)
def test_role_is_readable_with_16_colors(role: str) -> None:
    """Dim text is exempt: the terminal decides. Some light palettes have a pale green."""
    look = ROLES[role]
    styles = look if isinstance(look, tuple) else (look,)
    exempt = {Style.QUIET, Style.COMMENT, Style.GOOD, Style.STRING, Style.ADDED, Style.ADDED_WORD}
    least = 1.8 if exempt & set(styles) else 2.9
    for is_known in (True, False):
        assert min(contrast_of(look, palette, Depth.BASE, is_known=is_known) for palette in PALETTES) >= least


def test_less_important_text_has_less_contrast_than_text() -> None:
    for palette, depth in product(PALETTES, (Depth.BASE, Depth.INDEXED)):
        assert contrast_of(Style.QUIET, palette, depth) < contrast_of(Style.PLAIN, palette, depth)


@pytest.mark.parametrize(
    ("env", "depth"),
    [
        ({"TERM": "xterm"}, Depth.BASE),
        ({"TERM": "xterm-256color"}, Depth.INDEXED),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Depth.TRUE),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Depth.NONE),
        ({"TERM": "xterm-kitty"}, Depth.INDEXED),
        ({"TERM": "xterm", "XTERM_VERSION": "XTerm(390)"}, Depth.INDEXED),
    ],
)
def test_colors_of_the_terminal_are_found_in_the_environment(env: dict[str, str], depth: Depth) -> None:
    assert Theme.from_env(env).depth is depth


def test_background_is_found_in_the_environment_or_by_its_color() -> None:
    assert Theme.from_env({"COLORFGBG": "15;0"}).background == "dark"
    assert Theme.from_env({"COLORFGBG": "0;default;15"}).background == "light"
    assert Theme.from_env({}).background == ""
    assert Theme.from_env({"TERM": "linux"}).background == "dark"
    assert Theme.from_env({"COLORFGBG": "15;0"}, "light").background == "light"
    assert background_of(0.0, 0.17, 0.21) == "dark"
    assert background_of(0.99, 0.96, 0.89) == "light"


def test_rows_have_a_background_only_if_that_of_the_terminal_is_known() -> None:
    assert Theme(Depth.TRUE, "dark").codes(Style.ADDED).startswith("48;2;")
    assert Theme(Depth.INDEXED, "light").codes(Style.ADDED) == "48;5;194"
    assert Theme(Depth.TRUE).codes((Style.ADDED, Style.STRING)) == "38;5;28"
    for theme in (Theme(Depth.INDEXED, "dark"), Theme(Depth.BASE, "dark")):
        assert theme.codes((Style.ADDED, Style.STRING)) == "32"
        assert theme.codes((Style.REMOVED_WORD, Style.STRING)) == "7;91"


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("depth", Depth)
def test_prompt_has_the_colors_of_printed_text(background: Background, depth: Depth) -> None:
    theme = Theme(depth, background)
    styles = PromptStyle.from_dict(dict(prompt_styles(theme)))
    for style in {*Style} - GROUND_STYLES | {Style.USER}:
        attrs = styles.get_attrs_for_style_str(prompt_style(style))
        codes = _EscapeCodeCache(ColorDepth.DEPTH_8_BIT)[attrs].removeprefix("\x1b[0").removesuffix("m")
        printed = Theme(depth).codes(style) if style is Style.USER else theme.codes(style)
        assert sorted(codes.lstrip(";").split(";")) == sorted(printed.split(";")), style


def test_prompt_changes_its_colors_with_the_theme() -> None:
    terminal = Terminal()
    screen = Screen(terminal.output)
    before = screen.prompt_style.invalidation_hash()
    screen.take_report("\x1b]11;rgb:ffff/ffff/ffff\x1b\\")
    assert screen.prompt_style.invalidation_hash() != before
    assert screen.prompt_style.get_attrs_for_style_str("class:frame").color == "ansiblue"


def test_background_of_the_settings_is_kept() -> None:
    screen = Screen(Terminal().output, "dark")
    screen.take_report("\x1b]11;rgb:ffff/ffff/ffff\x1b\\")
    assert screen.theme.background == "dark"


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_exported_page_has_enough_contrast(theme: int) -> None:
    colors = dict(re.findall(r"--(\w+): #(\w{6})", PAGE.split("@media")[theme]))
    for text, ground in product(
        ("text", "quiet", "accent", "bad", "keyword", "string", "number", "comment", "name"), ("page", "panel")
    ):
        assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
