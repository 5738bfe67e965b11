"""Make control characters visible, so that text from elsewhere is shown and never obeyed.

Neither rich nor a plain ``print`` filters what a terminal would act on: escape codes that move the cursor, set the
title or write the clipboard, their one-character C1 forms, and the marks that reverse the order of what is read.

The last step before the terminal: text from elsewhere is shown, never obeyed.

Every text that reaches the screen, whoever wrote it (a model, a tool, a file, a session's title, an error), passes
through one of the two functions here, and nothing is added to it afterwards but our own styles.
"""

from __future__ import annotations

_KEPT = "\n\t"
_REORDERING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_BREAKS = (0x2028, 0x2029)
# Nobody sees these, so text can be hidden in them, or two names look alike. The joiners stay: emoji and Persian need
# them. So does U+FE0F, without which some emoji lose their colour.
_INVISIBLE = (0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x200B, *range(0x2060, 0x2066))
_INVISIBLE_TOO = (*range(0x206A, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4))
_TAGS = (*range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0200))


def _table() -> dict[int, str]:
    table = {code: f"^{chr(code + 64)}" for code in range(0x20) if chr(code) not in _KEPT}
    table[0x7F] = "^?"
    named = (*range(0x80, 0xA0), *_LINE_BREAKS, *_REORDERING, *_INVISIBLE, *_INVISIBLE_TOO, *_TAGS)
    table |= {code: f"<U+{code:04X}>" for code in named}
    return table | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


SPELLED = _table()
"""How each character that is not shown as it is, is shown, by its code point."""


def visible(text: str) -> str:
    """Return ``text`` with nothing in it that a terminal acts on, line feeds and tabs apart.

    C0 controls are in caret notation (``^[`` for ESC, ``^?`` for DEL); C1 controls, Unicode line breaks, bidi
    marks and what is invisible are named (``<U+202E>``); a lone surrogate, which no terminal can be sent, is U+FFFD.
    """
    return text.translate(SPELLED)


_TAB = 4


def safe_text(text: str) -> str:
    """Return ``text`` with its control characters visible; line feeds stay, tabs become spaces.

    A carriage return before a line feed is a line end like any other and goes without a trace.
    """
    return visible(text.replace("\r\n", "\n")).expandtabs(_TAB)


def safe_line(text: str) -> str:
    """Return ``text`` as one line: as safe_text, with each run of white space folded into a space."""
    return visible(" ".join(text.split()))
