"""Text that would control a terminal, and a strict check of what is sent to one."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

PAYLOADS = {
    "erase": "\x1b[2J",
    "title": "\x1b]0;title\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "link": "\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\",
    "query": "\x1bP$qm\x1b\\",
    "cursor report": "\x1b[6n",
    "reset": "\x1bc",
    "cursor home": "\x1b[999;999H",
    "loud color": "\x1b[5;38;5;199mloud",
    "other screen": "\x1b[?1049h",
    "mouse": "\x1b[?1003h",
    "end of paste": "\x1b[201~rm -rf\r",
    "C1 color": "\x9b31m",
    "C1 title": "\x9d0;title\x9c",
    "carriage return": "over\rwritten",
    "backspace": "back\b\b\bspace",
    "bell": "bell\x07",
    "null": "nul\x00",
    "delete": "del\x7f",
    "shift out": "shift\x0eout",
    "vertical": "vertical\x0btab\x0cfeed",
    "reordering": "\u202egnp.exe",
    "isolate": "\u2066isolate\u2069\u200fmark",
    "line breaks": "line\u2028break\u2029next\x85line",
    "hidden": "no\u200bspace\ufeff\u00ad\U000e0041\U000e007f",
    "surrogate": "\ud800 alone",
}
ALL = " ".join(f"[{text}]" for text in PAYLOADS.values())

# The codes that aloop sends: colors, short cursor moves, erasing, inserting and removing rows, showing and hiding the
# cursor, saving and restoring its place, line wrap, bracketed paste, normal keypad mode, cursor shape, keys of kitty,
# and questions to the terminal.
_COLOR = "(?:[0-479]|3[1-6]|9[145]|38;5;(?:28|130|24[45])|48;5;[0-9]{1,3}|48;2(?:;[0-9]{1,3}){3})"
_OURS = re.compile(
    rf"\x1b\[(?:(?:{_COLOR}(?:;{_COLOR})*)?m|[0-9]{{0,2}}[ABCDLM]|[JK]|\?(?:7|12|25|1004|2004)[hl]|\?1l|[0-6] q"
    r"|\?u|>1u|<u|\?20(?:04|26)\$p|2[23];2t|c)|\x1b[78]|\x1b\]11;\?\x1b\\|\x1b\]2;[^\x00-\x1f\x7f-\x9f]*\x07"
)
_TRICKS = re.compile("over\r(?!\n)|\b{2}")
_JOINERS = "\u200c\u200d"
_SIGNS = {"AN", "AL", "L"}  # format characters with these directions are visible


def obeyed(text: str) -> list[str]:
    """Return the control and invisible characters of ``text``, except line feeds."""
    return [character for character in text if character != "\n" and _is_obeyed(character)]


def obeyed_of(sent: str) -> list[str]:
    """Return the same for output to a terminal, except the codes that aloop sends."""
    return _TRICKS.findall(sent) + [found for found in obeyed(_OURS.sub("", sent)) if found not in "\r\b"]


def _is_obeyed(character: str) -> bool:
    kind = unicodedata.category(character)
    if kind == "Cf":
        return character not in _JOINERS and unicodedata.bidirectional(character) not in _SIGNS
    return kind in {"Cc", "Cs", "Zl", "Zp"}


_MARKUP = [*"*_`#>-|[]()!<&;\\~ \n\t1.ab", "&#13;", "&#8238;", "&#x9b;", "```", "\r\n", "日本", "👩\u200d💻"]
_BLOCKS = ((0, 0x100), (0x2000, 0x2100), (0, 0x110000))


def fuzzed(count: int, seed: int = 0) -> Iterator[str]:
    """Yield texts of payloads, Markdown and random characters, the same in every run."""
    chance = random.Random(seed)
    pieces = [*PAYLOADS.values(), *_MARKUP]
    for _ in range(count):
        length = chance.randrange(1, 24)
        strange = (chr(chance.randrange(*chance.choice(_BLOCKS))) for _ in range(length))
        yield "".join(chance.choice(pieces) if chance.random() < 0.7 else character for character in strange)
