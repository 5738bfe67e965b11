"""Readable on dark and light: of a terminal's own colours only those that themes keep apart from both backgrounds.

Against white or #fdf6e3 yellow has a contrast of 1.7 to 3 in the palettes that terminals come with, against black blue
has 1.6 to 3; white, black and the bright ones are near one of the two by design. Colours of our own are only where the
background is ours too, in an exported page.
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


def test_tones_are_attributes_and_readable_colours() -> None:
    assert {tone.value for tone in Style} <= READABLE


def test_markdown_and_code_have_no_other_colours() -> None:
    codes = re.findall(r"\x1b\[([\d;]*)m", render_markdown(SAMPLE, 80, colour=True))
    used = {code for sequence in codes for code in sequence.split(";")}
    assert {"2", "32", "35", "36"} < used <= READABLE


def test_what_prompt_toolkit_draws_has_no_other_colours() -> None:
    assert set(PICKER.values()) <= {"", "bold", "class:toolbar", "fg:ansired", "fg:ansigreen", "fg:ansicyan"}
    assert {word for _, style in LAYOUT.style_rules for word in style.split()} <= {
        "bold",
        "dim",
        "reverse",
        "noinherit",
    }


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_an_exported_page_is_readable(theme: int) -> None:
    colours = dict(re.findall(r"--(\w+): (#\w{6})", PAGE.split("@media")[theme]))
    for text, ground in product(("text", "quiet", "accent", "bad"), ("page", "panel")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2 counts it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = (part / 255 for part in bytes.fromhex(colour[1:]))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
