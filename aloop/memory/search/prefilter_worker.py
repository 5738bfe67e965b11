"""Which files hold pieces of words for certain not, told from their bytes; a program, too, that looks through many.

As a program it is run by its path, isolated and without site-packages, so that it starts in some 30 ms: it imports
nothing but the standard library. From standard input it reads one JSON object: ``{"pieces": [text], "ascii": bool,
"files": [path], "parent": process}``. Standard output is a file with a byte for each of the files, shared with the
parent, which tells what is known of it: UNSEEN, TAKEN by one of the two, EMPTY of what is searched for, or PASSED.
"""

from __future__ import annotations

import codecs
import json
import mmap
import os
import re
import sys
from collections.abc import Sequence

UNSEEN, TAKEN, EMPTY, PASSED = range(4)
_ASCII = bytes(range(128))
# Characters that fold or compose to steady ones, as UTF-8: sharp s, long s, dotted I, Kelvin, ligatures, letters with
# a mark that fall apart, conjoining jamo, marks of kana, compatible ideographs, and two of Greek.
FOLDING = re.compile(
    rb"\xc3\x9f|\xc4\xb0|\xc5[\x89\xbf]|\xc7\xb0|\xcd\xbe|\xe1(?:\xba[\x96-\x9e]|\xbf\xaf|[\x84-\x87])|\xe2\x84\xaa"
    rb"|\xe3\x82[\x99\x9a]|\xef[\xa4-\xac]|\xf0\xaf"
)
_ESCAPE = re.compile(rb"\\[xuU\r\n]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Matcher:
    """Lets through the bytes of each file that may hold all ``pieces``, which are in lower case."""

    def __init__(self, pieces: Sequence[str], *, is_ascii: bool) -> None:
        """``is_ascii`` is False where the words, of which these are pieces, have more than ASCII in them."""
        self._pieces = [piece.encode() for piece in pieces]
        self._is_ascii = is_ascii

    def passes(self, data: bytes) -> bool:
        return self.finds(data) or may_hide(data)

    def finds(self, data: bytes) -> bool:
        """Whether all pieces stand in ``data`` as they are, in any case."""
        if not self._is_ascii and data.isascii():
            return False
        lower = data.lower()
        for piece in self._pieces:  # noqa: SIM110 - no generator: this is asked of each of ten thousand files
            if piece not in lower:
                return False
        return True


def may_hide(data: bytes) -> bool:
    """Whether YAML's escapes, another encoding or characters that fold to others could hide a word in ``data``."""
    if b"\\" in data and _ESCAPE.search(data):
        return True
    if data.isascii():
        return False
    # The pattern is slow over a whole file: what it looks for is left over when ASCII is taken away.
    return data.startswith(_UTF_16) or FOLDING.search(data.translate(None, _ASCII)) is not None


def main() -> None:
    """Answer the one request, from the last file to the first; the end of the parent is the end of this."""
    request = json.load(sys.stdin)
    sifter, files = Matcher(request["pieces"], is_ascii=request["ascii"]), request["files"]
    with mmap.mmap(sys.stdout.fileno(), len(files)) as states:
        for place in reversed(range(len(files))):
            if os.getppid() != request["parent"]:
                return
            if states[place] == UNSEEN:
                states[place] = TAKEN
                states[place] = PASSED if _may_pass(sifter, files[place]) else EMPTY


def _may_pass(sifter: Matcher, path: str) -> bool:
    """Ask the sifter; what can not be read, or grows while it is, is for the parent to look into."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            size = os.fstat(descriptor).st_size
            data = os.read(descriptor, size + 1)
        finally:
            os.close(descriptor)
    except OSError:
        return True
    return len(data) != size or sifter.passes(data)


if __name__ == "__main__":
    main()
