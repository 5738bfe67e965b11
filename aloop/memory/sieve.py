"""Which files a search need not read as sessions: told from their bytes, at the price of little more than reading them.

A file that is let through may still hold nothing; one that is not, holds nothing for certain. Words are what is looked
for here, for a phrase may be broken over lines. Those of ASCII letters are found in the bytes; where YAML's escapes or
characters that fold to others could hide a word, the whole text is folded first.
"""

from __future__ import annotations

import codecs
import re

from aloop.memory.emitter import END_MARKER, SCHEMA_LINE
from aloop.memory.query import Query, fold
from aloop.memory.source import Source

_ASCII = bytes(range(128))
# What stands in a word otherwise in a file: quotes and backslashes are doubled or escaped, depending on the style.
_MARKS = re.compile(r"['\"\\/]")
# What can stand for itself only, in any case and form: ASCII, and scripts without case.
_STEADY = re.compile("[\x21-\x7e]+|[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]+")
# Characters that fold or compose to one of those, as UTF-8: sharp s, long s, dotted I, Kelvin, ligatures, letters with
# a mark that fall apart, conjoining jamo, marks of kana, compatible ideographs, and two of Greek.
_FOLDING = re.compile(
    rb"\xc3\x9f|\xc4\xb0|\xc5[\x89\xbf]|\xc7\xb0|\xcd\xbe|\xe1(?:\xba[\x96-\x9e]|\xbf\xaf|[\x84-\x87])|\xe2\x84\xaa"
    rb"|\xe3\x82[\x99\x9a]|\xef[\xa4-\xac]|\xf0\xaf"
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n[ \t]*)")
_HAS_ESCAPE = re.compile(rb"\\[xuU\r\n]")
_OURS, _END = SCHEMA_LINE.encode(), b"\n" + END_MARKER.encode()
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SYSTEM, _MESSAGES = b"\nsystem_messages:", b"\nmessages:\n  - role: "
# The keys of a message, and values that are words of ours: no text stands as far to the left in a file that we began.
_KEYS = re.compile(rb"\n  (?:- role: [a-z]+|  (?:model|usage|tool_call_id): .*|  [a-z_]+:)")


class Sieve:
    """Lets through the bytes of each session file that may hold all terms of ``query``."""

    def __init__(self, query: Query) -> None:
        words = {piece for term in query.terms for word in term.split() for piece in _MARKS.split(word) if piece}
        self._words = sorted(words, key=len, reverse=True)
        steady = {piece for word in words for piece in _STEADY.findall(word)}
        self._pieces = [piece.encode() for piece in sorted(steady, key=len, reverse=True)]
        self._is_ascii = all(word.isascii() for word in words)
        self._is_steady = all(_STEADY.fullmatch(word) for word in words)

    def passes(self, data: bytes) -> bool:
        """Whether ``data`` may hold what is searched for in its title or in what was said."""
        if self._in_bytes(data):
            said = _what_was_said(data)
            return self._in_bytes(said) if self._is_steady else self._in_text(said)
        return _may_hide(data) and self._in_text(data)

    def _in_bytes(self, data: bytes) -> bool:
        if not self._is_ascii and data.isascii():
            return False
        lower = data.lower()
        return all(piece in lower for piece in self._pieces)

    def _in_text(self, data: bytes) -> bool:
        text = decode(data)
        folded = fold(text)
        plain = fold(_ESCAPE.sub(_unescape, text)) if "\\" in text else ""
        return all(word in folded or word in plain for word in self._words)


def decode(data: bytes) -> str:
    """Return a file as text, also one that no session can be read from."""
    try:
        return Source.decode(data).text
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def _may_hide(data: bytes) -> bool:
    if b"\\" in data and _HAS_ESCAPE.search(data):
        return True
    if data.isascii():
        return False
    # The pattern is slow over a whole file: what it looks for is left over when ASCII is taken away.
    return data.startswith(_UTF_16) or _FOLDING.search(data.translate(None, _ASCII)) is not None


def _what_was_said(data: bytes) -> bytes:
    """Leave out what stands in most files alike, the system messages and the keys, where a file is laid out as ours."""
    system, messages = data.find(_SYSTEM), data.find(_MESSAGES)
    # Below the end marker people type as they like.
    if not (data.startswith(_OURS) and data.endswith(_END) and 0 <= system < messages):
        return data
    return data[:system] + _KEYS.sub(b"", data[messages:])


def _unescape(match: re.Match[str]) -> str:
    digits = match.group(match.lastindex) if match.lastindex else ""
    code = int(digits, 16) if digits else 0
    return chr(code) if 0 < code <= 0x10FFFF else ""
