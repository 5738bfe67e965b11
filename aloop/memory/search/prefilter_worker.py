"""Find files that cannot contain given pieces of words.

This is also a program, which applies the matcher to many files. It is started by its path, isolated and without
site-packages, so that it runs within about 20 ms; it imports only the standard library. It reads one marshaled object
from standard input: ``{"pieces": [text], "ascii": bool, "files": [path], "parent": process ID, "largest": bytes}``. Its
standard output is a file that it shares with the parent, with one byte per file: UNSEEN, TAKEN by one of the two
processes, or EMPTY if a piece is missing.
"""

from __future__ import annotations

import codecs
import marshal
import mmap
import os
import re
import sys
from collections.abc import Sequence

UNSEEN, TAKEN, EMPTY = range(3)
_ASCII = bytes(range(128))
# Characters, in UTF-8, that fold or compose to stable ones: sharp s, long s, dotted I, Kelvin sign, ligatures, letters
# with a mark that decompose, conjoining jamo, kana marks, compatibility ideographs, and two Greek ones.
FOLDING = re.compile(
    rb"\xc3\x9f|\xc4\xb0|\xc5[\x89\xbf]|\xc7\xb0|\xcd\xbe|\xe1(?:\xba[\x96-\x9e]|\xbf\xaf|[\x84-\x87])|\xe2\x84\xaa"
    rb"|\xe3\x82[\x99\x9a]|\xef[\xa4-\xac]|\xf0\xaf"
)
_ESCAPE = re.compile(rb"\\[xuU\r\n]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Matcher:
    """Passes files that may contain all ``pieces``, which are in lower case."""

    def __init__(self, pieces: Sequence[str], *, is_ascii: bool) -> None:
        """``is_ascii`` is False if the words of the pieces have other characters too."""
        self._pieces = [piece.encode() for piece in pieces]
        self._is_ascii = is_ascii

    def passes(self, data: bytes) -> bool:
        return self.finds(data) or may_hide(data)

    def finds(self, data: bytes) -> bool:
        """Return True if all pieces occur literally in ``data``, in any case."""
        if not self._is_ascii and data.isascii():
            return False
        lower = data.lower()
        for piece in self._pieces:  # noqa: SIM110 - a generator is slower, and this runs for each of 10,000 files
            if piece not in lower:
                return False
        return True


def may_hide(data: bytes) -> bool:
    """Return True if escapes, encoding or folding could hide a word in ``data``."""
    if b"\\" in data and _ESCAPE.search(data):
        return True
    if data.isascii():
        return False
    # The pattern is slow on a whole file, so look for it in what is left without ASCII.
    return data.startswith(_UTF_16) or FOLDING.search(data.translate(None, _ASCII)) is not None


def main() -> None:
    """Examine the files from the last to the first, until the parent ends."""
    request = marshal.load(sys.stdin.buffer)  # noqa: S302 - written by the parent; json takes longer to load
    largest = request["largest"]
    matcher, files = Matcher(request["pieces"], is_ascii=request["ascii"]), request["files"]
    with mmap.mmap(sys.stdout.fileno(), len(files)) as states:
        for index in reversed(range(len(files))):
            if os.getppid() != request["parent"]:
                return
            if states[index] == UNSEEN:
                states[index] = TAKEN
                if not _may_contain(matcher, files[index], largest):
                    states[index] = EMPTY


def _may_contain(matcher: Matcher, path: str, largest: int) -> bool:
    """Match one file; True if it is unreadable, too large or growing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            size = os.fstat(descriptor).st_size
            if size > largest:
                return True
            data = os.read(descriptor, size + 1)
        finally:
            os.close(descriptor)
    except OSError:
        return True
    return len(data) != size or matcher.passes(data)


if __name__ == "__main__":
    main()
