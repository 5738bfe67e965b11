"""Pastes at the prompt: folding large ones, and ignoring keys that come with one.

A large paste is shown as a marker, ``[pasted 120 lines]``. An edit that would cut into a marker removes it, and text
typed into it goes behind it, so that a paste is sent whole or not at all.

The terminal marks the end of a paste, but pasted text may contain that mark, and what follows it arrives as keys,
Enter included. No user presses a key within milliseconds of a paste, so keys belong to it until they pause.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from os.path import commonprefix

MOST_LINES = 10
MOST_CHARACTERS = 1_000
"""A paste with more lines or characters is folded."""

MOST_KEPT = 100
"""Pastes that are remembered, in addition to those in the line."""

_COMMAND = ("/", "!")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entered line; ``pastes`` maps the markers in ``typed`` to their texts."""

    typed: str
    pastes: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole text, which a paste at its start does not turn into a command."""
        text = unfold(self.typed, self.pastes)
        is_hidden = text.startswith(_COMMAND) and not self.typed.startswith(_COMMAND)
        return f" {text}" if is_hidden else text

    @property
    def own(self) -> str:
        """The text without its pastes."""
        return unfold(self.typed, dict.fromkeys(self.pastes, ""))


@dataclass(slots=True)
class Pastes:
    """The texts behind the markers of this line and earlier ones."""

    texts: dict[str, str] = field(default_factory=dict)

    def fold(self, pasted: str, line: str) -> str:
        """Return what to insert into ``line``: ``pasted`` if short, else a unique marker."""
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
        """Return ``text`` with each unchanged paste in it replaced by its marker."""
        for marker, pasted in self.texts.items():
            text = text.replace(pasted, marker, 1)
        return text

    def entry(self, typed: str) -> Entry:
        """Return an Entry of ``typed`` with the pastes in it."""
        return Entry(typed, {marker: text for marker, text in self.texts.items() if marker in typed})


def unfold(typed: str, pastes: Mapping[str, str]) -> str:
    """Return ``typed`` with each marker replaced by its text."""
    if not pastes:
        return typed
    # In one pass: a paste may contain something that looks like a marker.
    return re.sub(_any_of(pastes), lambda found: pastes[found[0]], typed)


def keep_markers_whole(before: str, after: str, cursor: int, markers: Collection[str]) -> tuple[str, int]:
    """Return an edited line and its cursor, with each marker kept whole or removed.

    The edit changed ``before`` to ``after``, and left the cursor at ``cursor``.
    """
    spans = [found.span() for found in re.finditer(_any_of(markers), before)] if markers else []
    if not spans or before == after:
        return after, cursor
    start = _common_length(before, after)
    end = len(before) - _common_length(before[start:][::-1], after[start:][::-1])
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


def _common_length(one: str, other: str) -> int:
    return len(commonprefix((one, other)))  # noqa: RUF071 - characters are compared, not parts of a path


PAUSE = 0.06
"""Seconds without a key that end a paste; rendering between two reads of a long one takes less."""

_BURST = 0.01


class PasteGuard:
    """Decides whether keys belong to a paste, from the times at which they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_key = 0.0
        self._in_paste = False
        self._is_burst = False
        self._skipped = 0

    def key(self) -> None:
        """Record that a key is about to be handled."""
        now = self._clock()
        if now - self._last_key > PAUSE:
            self._in_paste = False
        self._is_burst = now - self._last_key < _BURST and not self._skipped
        self._skipped = max(0, self._skipped - 1)
        self._last_key = now

    def skip(self, count: int) -> None:
        """Record that the next ``count`` keys were typed earlier, at any speed."""
        self._skipped = count

    @property
    def is_burst(self) -> bool:
        """True if the key being handled came faster than anyone types."""
        return self._is_burst

    def paste(self) -> None:
        """Record that the key being handled is a paste."""
        self._in_paste = True
        self._last_key = self._clock()

    @property
    def in_paste(self) -> bool:
        """True if the key being handled came with a paste."""
        return self._in_paste
