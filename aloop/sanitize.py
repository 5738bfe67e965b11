"""Make control and invisible characters visible, for the terminal and in names.

``print`` does not filter escape codes that move the cursor, set the title or write to the clipboard, their
one-character C1 forms, or marks that reverse the reading order. Therefore every text from a model, a tool, a file, a
title or an error passes through this module; afterward only aloop's own styles are added.
"""

from __future__ import annotations

import re

from aloop.formatting import quantity

_KEPT = "\n\t"
_REORDERING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_BREAKS = (0x2028, 0x2029)
# Invisible characters can hide text or make two names look alike. The joiners are kept, because emoji and Persian
# need them, and so is U+FE0F, without which some emoji lose their color.
_INVISIBLE = (0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x200B, *range(0x2060, 0x2066))
_MORE_INVISIBLE = (*range(0x206A, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4))
_MUSIC = range(0x1D173, 0x1D17B)
_NAMED = frozenset((*range(0x80, 0xA0), *_LINE_BREAKS, *_REORDERING, *_INVISIBLE, *_MORE_INVISIBLE, *_MUSIC))
_TAGS = range(0xE0000, 0xE1000)
_SURROGATES = range(0xD800, 0xE000)


class _Shown(dict[int, str]):
    """The replacement of each character, found as needed."""

    def __missing__(self, code: int) -> str:
        if code in _NAMED or code in _TAGS:
            shown = f"<U+{code:04X}>"
        elif code in _SURROGATES:
            shown = "\N{REPLACEMENT CHARACTER}"
        else:
            shown = chr(code)
        self[code] = shown
        return shown


_CONTROLS = {code: f"^{chr(code + 64)}" for code in range(0x20) if chr(code) not in _KEPT} | {0x7F: "^?"}
_SHOWN = _Shown(_CONTROLS)


def visible(text: str) -> str:
    """Return ``text`` with its control characters visible, except line feeds and tabs.

    C0 controls and DEL become caret notation (``^[`` for ESC). C1 controls, Unicode line breaks, bidi marks and
    invisible characters become ``<U+202E>``. Lone surrogates, which cannot be encoded, become U+FFFD.
    """
    return text.translate(_SHOWN)


class _Escaped(dict[int, str]):
    """As _Shown, with the escapes of JSON, and with line feeds, tabs and surrogates."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character == _SHOWN[code] and character not in _KEPT:
            self[code] = character
        else:
            units = character.encode("utf-16-be", "surrogatepass").hex()
            self[code] = _SHORT.get(character) or "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return self[code]


_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ESCAPED = _Escaped()


def one_line(name: str) -> str:
    """Return ``name`` with control and invisible characters as the escapes of JSON.

    For names in texts for a model: it sees ``\\n`` or ``\\u202e``, and can write the same in a tool call.
    """
    return name.translate(_ESCAPED)


# As text, patterns are compiled at their first use: the prompt starts without them.
_ESCAPE_CODE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^_`a-z{|}~])"


def without_escape_codes(text: str) -> str:
    """Return the output of a command without its colors and other escape codes."""
    return re.sub(_ESCAPE_CODE, "", text) if "\x1b" in text else text


_TAB_WIDTH = 4


def safe_text(text: str) -> str:
    """Return ``text`` with visible control characters, LF line endings and no tabs."""
    return visible(text.replace("\r\n", "\n")).expandtabs(_TAB_WIDTH)


def safe_line(text: str) -> str:
    """Return ``text`` as one line, with a space for each run of whitespace."""
    return visible(" ".join(text.split()))


# Not shown by terminals, or shown as a blank, although they are letters, marks or symbols: Khmer vowels, the braille
# blank and a blank note. The others are in _NAMED.
_BLANK_LETTERS = frozenset((0x17B4, 0x17B5, 0x2800, 0xFFFC, 0x1D159, *range(0xFE00, 0xFE10)))
# Control and format characters, unassigned and private ones, and all separators (blanks) except the space.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Zl", "Zp", "Zs"})
_LONGEST_BLANK = 40
_FOLDED = rf"[ \t]{{{_LONGEST_BLANK},}}|[ \t]+$"


class _Exact(dict[int, str]):
    """As _Shown, with all characters that could hide something."""

    def __missing__(self, code: int) -> str:
        import unicodedata  # imported here for startup time

        character = _SHOWN[code]
        if len(character) > 1 or code in _SURROGATES:
            self[code] = character
            return character
        is_hidden = code in _BLANK_LETTERS or unicodedata.category(character) in _HIDDEN_CATEGORIES
        self[code] = f"<U+{code:04X}>" if is_hidden and character not in " \t" else character
        return self[code]


_EXACT = _Exact({ord("\n"): "^J"})


def exact_line(text: str) -> str:
    """Return ``text`` as one line in which every character is visible.

    Joiners, blanks other than the space, and unassigned characters become ``<U+200D>``. Blanks at the end, and runs of
    at least 40, become their number: ``<200 spaces>``.
    """
    return re.sub(_FOLDED, _count_blanks, text.translate(_EXACT))


def _count_blanks(found: re.Match[str]) -> str:
    kinds = {" ": "space", "\t": "tab"}
    noun = kinds[found[0][0]] if len(set(found[0])) == 1 else "blank"
    return f"<{quantity(len(found[0]), noun)}>"
