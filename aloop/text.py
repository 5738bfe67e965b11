"""Normal forms, similar words, shortened texts, and texts without surrogates."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Literal

_MARKS = r"([^\w\s\x00-\x7f]{64,})"
"""A run that may be of combining marks, which are neither word characters nor blanks."""


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return ``text`` in a Unicode normal form, in linear time.

    Python takes quadratic time to sort combining marks, and cannot be interrupted: minutes for 200 KB. Runs of 64 and
    more characters that may be such marks stay as they are. No language has them.
    """
    if text.isascii():
        return text
    pieces = re.split(_MARKS, text)
    pieces[::2] = [unicodedata.normalize(form, piece) for piece in pieces[::2]]
    return "".join(pieces)


def closest_match(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the member of ``known`` most like ``word``, None if none is similar."""
    return next(iter(closest_matches(word, known, limit=1, cutoff=cutoff)), None)


_OTHER_NAMES = {"markdown": "md", "text": "md", "txt": "md"}
"""Names of values in other programs, with those here."""


def meant_value(word: str, known: Collection[str]) -> str | None:
    """Return the member of ``known`` that ``word`` means, None if there is none.

    It is in another case, another name, or misspelled.
    """
    folded = word.casefold()
    other = _OTHER_NAMES.get(folded, folded)
    return other if other in known else closest_match(folded, known)


def closest_matches(word: str, known: Iterable[str], *, limit: int, cutoff: float = 0.6) -> list[str]:
    """Return up to ``limit`` members of ``known`` most like ``word``, the best first.

    ``cutoff`` is the least similarity, from 0 to 1, that counts.
    """
    # Imported here for startup time: most words are spelled correctly.
    import difflib

    return difflib.get_close_matches(word, list(known), n=limit, cutoff=cutoff)


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends, split at line feeds only.

    ``str.splitlines`` also splits at characters such as U+2028, which no editor counts as the end of a line.
    """
    return list(io.StringIO(text, newline="\n"))


class HeadAndTail:
    """Keeps the first and last ``most`` characters of text that arrives in pieces."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._head = io.StringIO()
        self._tail = io.StringIO()
        self._trimmed = 0

    def add(self, piece: str) -> None:
        """Append ``piece``."""
        room = self._most - self._head.tell()
        self._head.write(piece[:room])
        self._tail.write(piece[room:])
        # Trimmed now and then only, because each time copies the whole tail.
        if self._tail.tell() > 2 * self._most:
            tail = self._tail.getvalue()
            self._trimmed += len(tail) - self._most
            self._tail = io.StringIO()
            self._tail.write(tail[-self._most :])

    @property
    def dropped(self) -> int:
        """The number of characters left out."""
        return self._trimmed + max(0, self._tail.tell() - self._most)

    @property
    def text(self) -> str:
        """The text, with a note in place of the middle if anything was left out."""
        tail = self._tail.getvalue()[-self._most :]
        note = f"\n[… {self.dropped:,} characters left out …]\n" if self.dropped else ""
        return f"{self._head.getvalue()}{note}{tail}"


def clean_text(text: str) -> str:
    """Return ``text`` without surrogates: pairs are joined, lone ones become U+FFFD.

    Surrogates come from JSON escapes, command-line arguments and file names. UTF-8 and every API reject them.
    """
    if text.isascii():
        return text  # known without a look at the characters
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
