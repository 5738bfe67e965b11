"""Titles by their words: which of ten thousand hold what is being typed, found between two keys."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter

_WORD = re.compile(r"[^\W_]+")
# The same for ASCII, where it takes a third of the time: letters and digits, small, and spaces for all else.
_ASCII = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
_SHORT = 2
_AFTER_ALL = "\U0010ffff"


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` as they are compared: without case, compatible forms alike."""
    if text.isascii():
        return text.translate(_ASCII).split()
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


class TitleWords:
    """A sorted table of the words of titles, each with the places of its titles; made once, then only read.

    Of a script written without spaces, Chinese or Japanese, each character begins a word.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        table: defaultdict[str, set[int]] = defaultdict(set)
        for place, title in enumerate(titles):
            for word in words_of(title):
                table[word].add(place)
                if not word.isascii():
                    for end in _inner_ends(word):
                        table[end].add(place)
        places = {word: table[word] for word in sorted(table)}
        self._words = list(places)
        self._places = list(places.values())
        # So many words begin with one or two given letters that their places are put together beforehand. One letter
        # comes last: as a whole word it is among the beginnings of two, without the words that it only begins.
        self._short: dict[str, set[int]] = {}
        for length in range(_SHORT, 0, -1):
            alike = groupby(places, itemgetter(slice(length)))
            places = {beginning: set().union(*map(places.__getitem__, words)) for beginning, words in alike}
            self._short |= places

    def find(self, typed: str, most: int) -> list[int]:
        """Return the first ``most`` places of titles in which every word of ``typed`` begins a word, in any order.

        Without a word in it, nothing is found.
        """
        begun = sorted((self._beginning_with(word) for word in set(words_of(typed))), key=len)
        if not begun:
            return []
        rarest, *others = begun
        found: Iterable[int] = sorted(rarest)
        for places in others:
            # One after the other as they are asked for: where many fit, few are looked at.
            found = filter(places.__contains__, found)
        return list(islice(found, most))

    def _beginning_with(self, word: str) -> set[int]:
        if len(word) <= _SHORT:
            return self._short.get(word, set())
        first = bisect_left(self._words, word)
        end = bisect_left(self._words, word + _AFTER_ALL, first)
        # One word, most often: then its set is used as it is, for it may be long.
        return self._places[first] if end == first + 1 else set().union(*self._places[first:end])


def _inner_ends(word: str) -> Iterator[str]:
    """Yield what of a word begins with each of its wide characters."""
    return (word[at:] for at in range(1, len(word)) if unicodedata.east_asian_width(word[at]) in "WF")
