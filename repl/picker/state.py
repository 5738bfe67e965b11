"""The state of picking a session: what is filtered, what is highlighted, what is being asked. Pure; knows no screen.

Which sessions a filter means, the likeliest first. Pure, and quick: ten thousand are gone through at each key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

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


class Mode(Enum):
    """What a letter means: a command, a part of the filter, a part of the new title, or no to a question."""

    BROWSE = auto()
    FILTER = auto()
    RENAME = auto()
    TRASH = auto()
    FORK = auto()


class Picker:
    """Sessions, newest first, and which of them one looks at."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.mode = Mode.BROWSE
        self.filter = ""
        self._entries = list(entries)
        self._matcher = Matcher(self._entries)
        self._found = self._matcher.find("")
        self._at = 0
        self._top = 0
        self._gone: set[str] = set()
        self._titles: dict[str, str] = {}

    @property
    def total(self) -> int:
        return len(self._entries)

    @property
    def count(self) -> int:
        """How many sessions fit the filter."""
        return len(self._found)

    @property
    def highlighted(self) -> SessionTitle | None:
        """The session that is meant; None when none fits."""
        return self._entries[self._found[self._at]].session if self._found else None

    def window(self, height: int) -> list[tuple[SessionTitle, bool]]:
        """Return the sessions to show, each with whether it is highlighted."""
        # The window moves no more than it takes to show what is highlighted.
        self._top = max(min(self._top, self._at, self.count - height), self._at - height + 1, 0)
        shown = self._found[self._top : self._top + height]
        return [(self._entries[place].session, row == self._at) for row, place in enumerate(shown, self._top)]

    def move(self, rows: int) -> None:
        """Go that many rows down, up when negative, and no further than the ends."""
        self._at = max(0, min(self._at + rows, self.count - 1))

    def begin_filter(self) -> None:
        """Let every letter be a part of the filter, also those that are commands."""
        self.mode = Mode.FILTER

    def set_filter(self, text: str) -> None:
        """Show only what fits ``text``, the likeliest highlighted; without any text, letters are commands again."""
        self.filter = text
        self.mode = Mode.FILTER if text else Mode.BROWSE
        self._found = self._matcher.find(text)
        self._at = self._top = 0

    def begin(self, mode: Mode) -> bool:
        """Ask for a new title of what is highlighted, or whether it is meant; False when nothing is."""
        if self.highlighted is None:
            return False
        self.mode = mode
        return True

    def end(self) -> None:
        """Go back to where the question was asked from."""
        self.mode = Mode.FILTER if self.filter else Mode.BROWSE

    def replace(self, entries: Sequence[Entry]) -> None:
        """Take ``entries`` as what there is; the same session stays highlighted where it is still there.

        What was removed stays away, and what was renamed keeps its new title: a list that was read meanwhile may not
        know.
        """
        highlighted = self.highlighted
        self._entries = [entry for entry in entries if entry.session.id not in self._gone]
        for entry in self._entries if self._titles else ():
            if (title := self._titles.get(entry.session.id)) is not None:
                entry.session, entry.title = replace(entry.session, title=title), title.casefold()
        self._matcher = Matcher(self._entries)
        self._found = self._matcher.find(self.filter)
        if highlighted is not None:
            ids = (self._entries[place].session.id for place in self._found)
            self._at = next((row for row, known in enumerate(ids) if known == highlighted.id), self._at)
        self.move(0)

    def add_first_questions(self, openings: Mapping[str, str]) -> None:
        """Filter by what was said first in each session, too: by id, in the case that filters are compared in."""
        for entry in self._entries:
            entry.opening = openings.get(entry.session.id, "")
        self.replace(self._entries)

    def remove(self, session_id: str) -> None:
        """Leave a session out; what followed it is highlighted."""
        self._gone.add(session_id)
        self.replace(self._entries)

    def retitle(self, session_id: str, title: str) -> None:
        """Show a session under another title, and until the next filter also where that does not fit this one."""
        self._titles[session_id] = title
        shown = self._found, self._at
        self.replace(self._entries)
        # Else another session would be where one still looks.
        self._found, self._at = shown
