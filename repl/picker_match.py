"""Which sessions a filter means, the likeliest first. Pure, and quick: ten thousand are gone through at each key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aloop.memory.session import SessionTitle

# From the likeliest down; within each, the newest come first. Letters in order, with others between them, come last.
_ID, _WORD, _PHRASE, _WORDS, _OPENING = range(5)


@dataclass(slots=True)
class Entry:
    """A session and the texts to look in, in the case that filters are compared in; ``opening`` may come later."""

    session: SessionTitle
    id: str
    title: str
    opening: str = ""


def entry_of(session: SessionTitle) -> Entry:
    """Return a session as an entry."""
    return Entry(session, session.id.lower(), session.title.casefold())


class Matcher:
    """Looks in ``entries``, the newest of which come first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._known: dict[str, list[int]] = {}

    def find(self, wanted: str) -> Sequence[int]:
        """Return the places of the entries that fit: by the beginning of their id, their title, the first message.

        In a title, the letters of ``wanted`` need only stand in their order.
        """
        words = wanted.casefold().split()
        if not words:
            return range(len(self._entries))
        phrase = " ".join(words)
        if phrase not in self._known:
            self._known[phrase] = self._ranked(words, phrase, self._candidates(phrase))
        return self._known[phrase]

    def _candidates(self, phrase: str) -> Iterable[int]:
        """Return what can fit at all: of a filter that got longer, only what fitted before."""
        for end in range(len(phrase), 0, -1):
            if (known := self._known.get(phrase[:end])) is not None:
                return sorted(known)
        return range(len(self._entries))

    def _ranked(self, words: list[str], phrase: str, candidates: Iterable[int]) -> list[int]:
        ranks: tuple[list[int], ...] = ([], [], [], [], [])
        loose: list[tuple[int, int]] = []
        several = len(words) > 1
        letters = _letters_in_order("".join(words))
        for place in candidates:
            entry = self._entries[place]
            title = entry.title
            at = title.find(phrase)
            if entry.id.startswith(phrase):
                ranks[_ID].append(place)
            elif at >= 0:
                ranks[_PHRASE if at and title[at - 1].isalnum() else _WORD].append(place)
            elif several and all(map(title.__contains__, words)):
                ranks[_WORDS].append(place)
            elif phrase in entry.opening or (several and all(map(entry.opening.__contains__, words))):
                ranks[_OPENING].append(place)
            elif match := letters.match(title):
                loose.append((match.end() - match.start(1), place))
        return [place for rank in ranks for place in rank] + [place for _, place in sorted(loose)]


def _letters_in_order(letters: str) -> re.Pattern[str]:
    """Match these letters with anything between them, from the first on as group 1; never goes back, so never slow."""
    skips = [f"[^{re.escape(letter)}]*+{re.escape(letter)}" for letter in letters[1:]]
    first = re.escape(letters[0])
    return re.compile(f"[^{first}]*+({first}{''.join(skips)})")
