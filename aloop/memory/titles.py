"""Titles by their words: which of ten thousand hold what is being typed, found between two keys."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice

_WORD = re.compile(r"[^\W_]+")
_SHORT = 2
_AFTER_ALL = "\U0010ffff"


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` as they are compared: without case, compatible forms alike."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _WORD.findall(text.casefold())


class TitleWords:
    """A sorted table of the words of titles, each with the places of its titles; made once, then only read.

    Of a script written without spaces, Chinese or Japanese, each character begins a word.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        table: dict[str, set[int]] = {}
        # So many words begin with one or two given letters that their places are put together beforehand.
        self._short: dict[str, set[int]] = {}
        for place, title in enumerate(titles):
            for word in words_of(title):
                for begun in _beginnings(word):
                    table.setdefault(begun, set()).add(place)
                    for length in range(1, _SHORT + 1):
                        self._short.setdefault(begun[:length], set()).add(place)
        self._words = sorted(table)
        self._places = [table[word] for word in self._words]

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


def _beginnings(word: str) -> Iterator[str]:
    yield word
    if not word.isascii():
        yield from (word[at:] for at in range(1, len(word)) if unicodedata.east_asian_width(word[at]) in "WF")
