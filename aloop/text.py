"""Wording of counts, times and progress, normal forms, and shortened texts."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime


def quantity(count: int, noun: str) -> str:
    """Return ``count`` with its noun: ``1 session``, ``2,000 sessions``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def age(then: datetime, now: datetime) -> str:
    """Return the age of ``then``, as in ``5 min ago``; its date after two weeks."""
    seconds = (now - then).total_seconds()
    if -_MINUTE < seconds < _MINUTE:
        return "just now"
    if 0 < seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if 0 < seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    if 0 < days <= 14:
        return "1 day ago" if days == 1 else f"{days} days ago"
    return then.astimezone().date().isoformat()


def duration_text(milliseconds: int) -> str:
    """Return a duration with its two largest units, or in tenths of a second."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


_MARKS = re.compile(r"([^\w\s\x00-\x7f]{64,})")
"""A run that may be of combining marks, which are neither word characters nor blanks."""


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return ``text`` in a Unicode normal form, in linear time.

    Python takes quadratic time to sort combining marks, and cannot be interrupted: minutes for 200 KB. Runs of 64 and
    more characters that may be such marks stay as they are. No language has them.
    """
    if text.isascii():
        return text
    pieces = _MARKS.split(text)
    pieces[::2] = [unicodedata.normalize(form, piece) for piece in pieces[::2]]
    return "".join(pieces)


def closest_match(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the member of ``known`` most like ``word``, None if none is similar."""
    return next(iter(closest_matches(word, known, limit=1, cutoff=cutoff)), None)


def closest_matches(word: str, known: Iterable[str], *, limit: int, cutoff: float = 0.6) -> list[str]:
    """Return up to ``limit`` members of ``known`` most like ``word``, the best first.

    ``cutoff`` is the least similarity, from 0 to 1, that counts.
    """
    # Imported here for start-up time: most words are spelled correctly.
    import difflib

    return difflib.get_close_matches(word, list(known), n=limit, cutoff=cutoff)


OnRead = Callable[[int, int], None]
"""Called with the number of files that were read so far, and the number of all."""


def ignore_progress(done: int, total: int) -> None:
    """Do nothing, for work whose progress is not shown."""


_LONGEST_BAR, _SHORTEST_BAR = 30, 4  # cells


def progress_text(title: str, done: int, total: int, unit: str, width: int) -> str:
    """Return a title, a bar, the percentage and the amount in at most ``width`` cells.

    The unit is a plural such as "sessions", or "MB" for a number of bytes; without one, there is no amount.
    """
    scale = 1_000_000 if unit == "MB" else 1
    share = min(done / total, 1) if total else 0
    amount = f"  {done // scale:,} of {total // scale:,} {unit}" if unit else ""
    for end in (f" {share:4.0%}{amount}", f" {share:4.0%}"):
        cells = min(width - len(title) - 1 - len(end), _LONGEST_BAR)
        if cells >= _SHORTEST_BAR:
            filled = round(share * cells)
            return f"{title} {'█' * filled}{'░' * (cells - filled)}{end}"
    return f"{share:4.0%}"[:width]


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
