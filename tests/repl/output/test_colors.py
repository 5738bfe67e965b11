"""All colors are readable on dark and on light backgrounds.

In the default palettes of terminals, yellow has a contrast of 1.7 to 3 against white or #fdf6e3, and blue of 1.6 to 3
against black. White, black and the bright colors are close to one of the backgrounds. Only an exported page defines
colors, because it also defines its background.
"""

from __future__ import annotations

import re
from itertools import product

import pytest

from aloop.export.html import STYLE as PAGE
from repl.input.layout import STYLE as LAYOUT
from repl.output.markdown import render_markdown
from repl.output.styled import Style
from repl.picker.view import _STYLES as PICKER

ATTRIBUTES = {"", "0", "1", "2", "3", "4", "9"}
READABLE = ATTRIBUTES | {"31", "32", "35", "36"}
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


def test_styles_are_attributes_or_readable_colors() -> None:
    assert {style.value for style in Style} <= READABLE


def test_markdown_and_code_use_readable_colors_only() -> None:
    codes = re.findall(r"\x1b\[([\d;]*)m", render_markdown(SAMPLE, 80, color=True))
    used = {code for sequence in codes for code in sequence.split(";")}
    assert {"2", "32", "35", "36"} < used <= READABLE


def test_prompt_and_picker_use_readable_colors_only() -> None:
    assert set(PICKER.values()) <= {"", "bold", "class:toolbar", "fg:ansired", "fg:ansigreen", "fg:ansicyan"}
    assert {word for _, style in LAYOUT.style_rules for word in style.split()} <= {
        "bold",
        "dim",
        "reverse",
        "noinherit",
    }


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_exported_page_has_enough_contrast(theme: int) -> None:
    colors = dict(re.findall(r"--(\w+): (#\w{6})", PAGE.split("@media")[theme]))
    for text, ground in product(("text", "quiet", "accent", "bad"), ("page", "panel")):
        assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, from 1 to 21, as defined by WCAG 2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = (part / 255 for part in bytes.fromhex(color[1:]))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
