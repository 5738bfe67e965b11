"""Large pastes, each folded into a marker in the line that is typed: ``[pasted 120 lines]``.

A marker is one thing: what would cut into it, removes it, and what would be typed into it comes after it. So no part
of a paste is ever sent in place of the whole, and none is lost without being seen to go.

Tell a key that was pressed from one that came along with a paste.

A terminal marks where a paste ends, and text that contains that mark can end it early: what follows would arrive as
keys, Enter among them. A person can not press a key within milliseconds of a paste, so Enter means Enter again only
after the keys have paused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

MOST_LINES = 10
MOST_CHARACTERS = 1_000
"""A paste that has more than either is folded."""

MOST_KEPT = 100
"""Pastes that are remembered, besides those in the line."""

_COMMAND = ("/", "!")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it was entered: ``typed`` with markers in it, and the text that each of these stands for."""

    typed: str
    pastes: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole text. A paste at its start makes no command of it, whatever it begins with."""
        text = unfold(self.typed, self.pastes)
        is_hidden = text.startswith(_COMMAND) and not self.typed.startswith(_COMMAND)
        return f" {text}" if is_hidden else text

    @property
    def own(self) -> str:
        """The text without what was pasted."""
        return unfold(self.typed, dict.fromkeys(self.pastes, ""))


@dataclass(slots=True)
class Pastes:
    """The texts behind the markers, of lines before this one too."""

    texts: dict[str, str] = field(default_factory=dict)

    def fold(self, pasted: str, line: str) -> str:
        """Return what to put into ``line`` for a paste: a marker that no other text has, or a short one as it is."""
        lines = pasted.count("\n") + (not pasted.endswith("\n"))
        if lines <= MOST_LINES and len(pasted) <= MOST_CHARACTERS:
            return pasted
        size = f"{lines:,} lines" if lines > 1 else f"{len(pasted):,} characters"
        marker, number = f"[pasted {size}]", 1
        while self.texts.get(marker, pasted) != pasted or (marker in line and marker not in self.texts):
            number += 1
            marker = f"[pasted {size} #{number}]"
        self.texts[marker] = pasted
        for old in list(self.texts)[:-MOST_KEPT]:
            if old not in line:
                del self.texts[old]
        return marker

    def fold_again(self, text: str) -> str:
        """Return ``text`` with the markers of those pastes that are still in it, whole."""
        for marker, pasted in self.texts.items():
            text = text.replace(pasted, marker, 1)
        return text

    def entry(self, typed: str) -> Entry:
        """Return the line with the pastes that are in it."""
        return Entry(typed, {marker: text for marker, text in self.texts.items() if marker in typed})


def unfold(typed: str, pastes: Mapping[str, str]) -> str:
    """Return ``typed`` with the text in place of each marker."""
    if not pastes:
        return typed
    # In one go: a paste may hold what looks like a marker.
    return re.sub(_any_of(pastes), lambda found: pastes[found[0]], typed)


def mend(before: str, after: str, cursor: int, markers: Collection[str]) -> tuple[str, int]:
    """Return what a change of a line comes to, and where the cursor then is, with each marker left whole or removed."""
    spans = [found.span() for found in re.finditer(_any_of(markers), before)] if markers else []
    if not spans or before == after:
        return after, cursor
    start = _common(before, after)
    end = len(before) - _common(before[start:][::-1], after[start:][::-1])
    new = after[start : len(after) - (len(before) - end)]
    if start == end and (inside := next((span for span in spans if span[0] < start < span[1]), None)):
        return before[: inside[1]] + new + before[inside[1] :], inside[1] + len(new)
    cut = [span for span in spans if span[0] < end and start < span[1]]
    first, last = min([start, *(span[0] for span in cut)]), max([end, *(span[1] for span in cut)])
    if (first, last) == (start, end):
        return after, cursor
    return before[:first] + new + before[last:], first + len(new)


def _any_of(markers: Collection[str]) -> str:
    return "|".join(map(re.escape, markers))


def _common(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    most = min(len(one), len(other))
    return next((place for place in range(most) if one[place] != other[place]), most)


PAUSE = 0.06
"""Seconds without a key after which a paste is over; rendering between two reads of a long one stays below it."""


class PasteGuard:
    """Is told of every key; knows whether they still belong to a paste."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_key = 0.0
        self._in_paste = False

    def key(self) -> None:
        """Take note that a key is about to be handled."""
        now = self._clock()
        if now - self._last_key > PAUSE:
            self._in_paste = False
        self._last_key = now

    def paste(self) -> None:
        """Take note that the key being handled is a paste."""
        self._in_paste = True
        self._last_key = self._clock()

    @property
    def in_paste(self) -> bool:
        """Whether the key being handled came along with a paste."""
        return self._in_paste
