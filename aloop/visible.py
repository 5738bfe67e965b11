"""Make control characters visible, so that text from elsewhere is shown and never obeyed.

Neither rich nor a plain ``print`` filters what a terminal would act on: escape codes that move the cursor, set the
title or write the clipboard, their one-character C1 forms, and the marks that reverse the order of what is read.
"""

from __future__ import annotations

_KEPT = "\n\t"
_REORDERING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_BREAKS = (0x2028, 0x2029)


def _table() -> dict[int, str]:
    table = {code: f"^{chr(code + 64)}" for code in range(0x20) if chr(code) not in _KEPT}
    table[0x7F] = "^?"
    table |= {code: f"<U+{code:04X}>" for code in (*range(0x80, 0xA0), *_LINE_BREAKS, *_REORDERING)}
    return table | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


_TABLE = _table()


def visible(text: str) -> str:
    """Return ``text`` with nothing in it that a terminal acts on, line feeds and tabs apart.

    C0 controls are in caret notation (``^[`` for ESC, ``^?`` for DEL); C1 controls, Unicode line breaks and bidi
    marks are named (``<U+202E>``); a lone surrogate, which no terminal can be sent, is U+FFFD.
    """
    return text.translate(_TABLE)
