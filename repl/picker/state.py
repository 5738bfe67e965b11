"""The state of the session picker, and its filter; without any I/O.

Filtering is fast: each key goes through ten thousand sessions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple

from aloop.importers.formats import label_of, mark_of
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionTitle

# Kinds of matches, best first; within each, the newest come first. Fuzzy matches count only without them.
_ID, _WORD, _PHRASE, _WORDS, _FIRST_MESSAGE = range(5)
_SPREAD = 4
"""Characters, for each letter of the filter, in which a fuzzy match has all letters; others would be chance."""


@dataclass(slots=True)
class Entry:
    """A session and its case-folded texts; the first message may be set later.

    ``tool`` has the name and label of the tool that it was imported from, and the mark of a branch.

    One that ``is_last`` comes after all others, however well it matches.
    """

    session: SessionTitle
    id: str
    title: str
    tool: str = ""
    first_message: str = ""
    is_last: bool = False


def entry_of(session: SessionTitle, *, is_last: bool = False) -> Entry:
    """Return the entry of ``session``."""
    origin = session.origin or ""
    tool = f"{origin} {label_of(origin)} {mark_of(session.kind)}".casefold() if origin else ""
    return Entry(session, session.id.lower(), session.title.casefold(), tool, is_last=is_last)


class _Found(NamedTuple):
    """The places of entries that match a filter, best first.

    ``candidates`` may match a longer filter, even if they do not match this one well enough.
    """

    matches: list[int]
    candidates: list[int]


class Matcher:
    """Filters ``entries``, which are sorted newest first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._known: dict[str, _Found] = {}

    def find(self, wanted: str) -> Sequence[int]:
        """Return the indexes of the entries that match by ID, title, tool or message.

        The best come first. If there are none, the letters of ``wanted`` also match with others between them, in a
        title.
        """
        words = wanted.casefold().split()
        if not words:
            return range(len(self._entries))
        phrase = " ".join(words)
        if phrase not in self._known:
            self._known[phrase] = self._ranked(words, phrase, self._candidates(phrase))
        return self._known[phrase].matches

    def _candidates(self, phrase: str) -> Iterable[int]:
        """Return the entries to look at: those that matched a shorter filter, or all."""
        for end in range(len(phrase), 0, -1):
            if (known := self._known.get(phrase[:end])) is not None:
                return sorted(known.candidates)
        return range(len(self._entries))

    def _ranked(self, words: list[str], phrase: str, candidates: Iterable[int]) -> _Found:
        ranks: tuple[list[int], ...] = ([], [], [], [], [])
        loose: list[tuple[int, int]] = []
        far: list[int] = []
        several = len(words) > 1
        letters = _Letters("".join(words))
        for place in candidates:
            entry = self._entries[place]
            title = entry.title
            at = title.find(phrase)
            if entry.id.startswith(phrase):
                ranks[_ID].append(place)
            elif at >= 0:
                ranks[_PHRASE if at and title[at - 1].isalnum() else _WORD].append(place)
            elif phrase in entry.tool or (several and all(word in title or word in entry.tool for word in words)):
                ranks[_WORDS].append(place)
            elif phrase in entry.first_message or (several and all(map(entry.first_message.__contains__, words))):
                ranks[_FIRST_MESSAGE].append(place)
            elif span := letters.span(title):
                loose.append((span[1] - span[0], place))
                far.append(place)
        ranked = [place for rank in ranks for place in rank]
        close = sorted(each for each in loose if letters.is_close(each[0]))
        found = ranked or [place for _, place in close]
        # The only entry that can be last is at the end of all.
        if found and self._entries[-1].is_last and found[-1] != (last := len(self._entries) - 1) and last in found:
            found.remove(last)
            found.append(last)
        return _Found(found, ranked + far)


class _Letters:
    """The letters of a filter in order, with other letters between them."""

    def __init__(self, letters: str) -> None:
        # The pattern never backtracks. Group 1 starts at the first letter.
        skips = [f"[^{re.escape(letter)}]*+{re.escape(letter)}" for letter in letters[1:]]
        first = re.escape(letters[0])
        self._pattern = re.compile(f"[^{first}]*+({first}{''.join(skips)})")
        self._most = _SPREAD * len(letters)

    def is_close(self, length: int) -> bool:
        """Return True if letters in so many characters are hardly there by chance."""
        return length <= self._most

    def span(self, title: str) -> tuple[int, int] | None:
        """Return the shortest part of ``title`` with all letters, None if there is none."""
        spans: list[tuple[int, int]] = []
        start = 0
        while match := self._pattern.match(title, start):
            spans.append(match.span(1))
            start = match.start(1) + 1
        return min(spans, key=lambda span: span[1] - span[0]) if spans else None


def matched_places(title: str, wanted: str) -> frozenset[int]:
    """Return the places in ``title`` that a filter matches, none if it is elsewhere."""
    folded, words = title.casefold(), wanted.casefold().split()
    if not words or len(folded) != len(title):  # folding has moved the letters
        return frozenset()
    phrase = " ".join(words)
    at = folded.find(phrase)
    if at >= 0:
        return frozenset(range(at, at + len(phrase)))
    if len(words) > 1 and all(map(folded.__contains__, words)):
        return frozenset(place for word in words for place in range(folded.find(word), folded.find(word) + len(word)))
    letters = _Letters("".join(words))
    span = letters.span(folded)
    if span is None or not letters.is_close(span[1] - span[0]):
        return frozenset()
    places: list[int] = []
    for letter in "".join(words):
        places.append(folded.index(letter, places[-1] + 1 if places else span[0]))
    return frozenset(places)


class Mode(Enum):
    """The meaning of typed letters: commands, filter, new title, or no to a question."""

    BROWSE = auto()
    FILTER = auto()
    RENAME = auto()
    TITLE = auto()
    TRASH = auto()
    FORK = auto()


ASKING = frozenset({Mode.RENAME, Mode.TRASH, Mode.FORK})
"""The modes that wait for Enter, and whose letter may turn out to be the start of a filter."""


class Picker:
    """Sessions, newest first, and which of them is highlighted."""

    def __init__(self, entries: Sequence[Entry], current: str = "") -> None:
        self.current = current
        """The ID of the open session, which is not highlighted first."""
        self.mode = Mode.BROWSE
        self.filter = ""
        self._entries = list(entries)
        self._places = {entry.session.key: place for place, entry in enumerate(self._entries)}
        self._matcher = Matcher(self._entries)
        self._found = self._matcher.find("")
        self._at = 0
        self._top = 0
        self._gone: set[str] = set()
        self._titles: dict[str, str] = {}
        self._hits: dict[str, list[Hit]] | None = None

    @property
    def total(self) -> int:
        return len(self._entries)

    @property
    def session_total(self) -> int:
        """The number of sessions, without the last row."""
        return len(self._entries) - any(entry.is_last for entry in self._entries[-1:])

    @property
    def hits(self) -> Mapping[str, Sequence[Hit]] | None:
        """The matches in messages by session, None unless messages are searched."""
        return self._hits

    @property
    def count(self) -> int:
        """The number of rows that match the filter."""
        return len(self._found)

    @property
    def session_count(self) -> int:
        """The number of sessions that match the filter, without the last row."""
        return len(self._found) - any(self._entries[place].is_last for place in self._found[-1:])

    @property
    def highlighted(self) -> SessionTitle | None:
        """The highlighted session, None if no session matches."""
        return self._entries[self._found[self._at]].session if self._found else None

    def window(self, height: int) -> list[tuple[SessionTitle, bool]]:
        """Return the sessions to show, each with True if it is highlighted."""
        # Scroll only as far as needed to show the highlighted session.
        self._top = max(min(self._top, self._at, self.count - height), self._at - height + 1, 0)
        shown = self._found[self._top : self._top + height]
        return [(self._entries[place].session, row == self._at) for row, place in enumerate(shown, self._top)]

    def move(self, rows: int) -> None:
        """Move the highlight down by ``rows``, up if negative, as far as the ends."""
        self._at = max(0, min(self._at + rows, self.count - 1))

    def begin_filter(self) -> None:
        """Let every letter be part of the filter, including those that are commands."""
        self.mode = Mode.FILTER

    def set_filter(self, text: str) -> None:
        """Show sessions whose titles match; without a filter, letters are commands again."""
        self.filter = text
        self.mode = Mode.FILTER if text else Mode.BROWSE
        self._hits = None
        self._found = self._matcher.find(text)
        self._at = self._top = 0
        if not text:
            self._pass_over_current()

    def begin_search(self) -> None:
        """Show only sessions that ``add_hit`` adds, until the filter changes."""
        self._hits = {}
        self._found = []
        self._at = self._top = 0

    def add_hit(self, key: str, hit: Hit) -> None:
        """Show a match in the messages of a session, if that is listed."""
        place = self._places.get(key)
        if self._hits is None or place is None:
            return
        if key not in self._hits:
            self._hits[key] = []
            self._found = [*self._found, place]
        self._hits[key].append(hit)

    def _pass_over_current(self) -> None:
        """Highlight the second session if the first one is open already."""
        if len(self._found) > 1 and self._entries[self._found[0]].session.key == self.current:
            self._at = 1

    def _find(self) -> Sequence[int]:
        """Return the sessions to show."""
        if self._hits is None:
            return self._matcher.find(self.filter)
        return [self._places[key] for key in self._hits if key in self._places]

    def begin(self, mode: Mode) -> bool:
        """Ask about the highlighted session; return False if no session matches."""
        if self.highlighted is None:
            return False
        self.mode = mode
        return True

    def end(self) -> None:
        """End the question."""
        self.mode = Mode.FILTER if self.filter else Mode.BROWSE

    def replace(self, entries: Sequence[Entry]) -> None:
        """Replace the sessions, and keep the highlighted one if it is still there.

        Removed sessions stay away and renamed ones keep their new title: the list may have been read before that.
        """
        highlighted = self.highlighted
        self._entries = [entry for entry in entries if entry.session.key not in self._gone]
        for entry in self._entries if self._titles else ():
            if (title := self._titles.get(entry.session.key)) is not None:
                entry.session, entry.title = replace(entry.session, title=title), title.casefold()
        self._matcher = Matcher(self._entries)
        self._places = {entry.session.key: place for place, entry in enumerate(self._entries)}
        self._found = self._find()
        if highlighted is None:
            self._pass_over_current()
        else:
            keys = (self._entries[place].session.key for place in self._found)
            self._at = next((row for row, known in enumerate(keys) if known == highlighted.key), self._at)
        self.move(0)

    def add_first_messages(self, messages: Mapping[str, str]) -> None:
        """Filter by first messages too, given case-folded by ID."""
        for entry in self._entries:
            entry.first_message = messages.get(entry.session.key, "")
        self.replace(self._entries)

    def remove(self, key: str) -> None:
        """Remove a session, and highlight the next one."""
        self._gone.add(key)
        self.replace(self._entries)

    def retitle(self, key: str, title: str) -> None:
        """Change a title; the session stays in the list until the filter changes."""
        self._titles[key] = title
        shown = self._found, self._at
        self.replace(self._entries)
        # Keep the session in place, even if the new title does not match the filter.
        self._found, self._at = shown
