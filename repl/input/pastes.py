"""Pastes at the prompt: folding large ones, and ignoring keys that come with one.

A large paste is shown as a marker, ``[pasted 120 lines]``. An edit that would cut into a marker removes it, and text
typed into it goes after it, so that a paste is sent whole or not at all.

Most terminals mark the start and the end of a paste, but pasted text may contain the mark of its end, and what follows
arrives as keys, Enter included. Therefore keys belong to a paste until no more of them arrive.

Other terminals, and tmux in part, send pasted text as keys. Unless the terminal is known to mark pastes, Enter with
text right after it belongs to one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from os.path import commonprefix
from typing import NamedTuple
from urllib.parse import unquote

MOST_LINES = 10
MOST_CHARACTERS = 1_000
"""A paste with more lines or characters is folded."""

MOST_KEPT = 100
"""Pastes that are remembered, in addition to those in the line."""

_COMMAND = ("/", "!")


class Entry(NamedTuple):
    """An entered line; ``pastes`` maps the markers in ``typed`` to their texts."""

    typed: str
    pastes: Mapping[str, str] = {}

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


class Pastes:
    """The texts that the markers of this line and earlier ones replace."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

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


TICK_SECONDS = 0.05
_QUIET_TICKS = 2
"""Ticks without input, that many seconds apart, after which a paste has ended."""

_SETTLE_SECONDS = 0.02
"""Wait after Enter for the rest of a paste that arrives in pieces."""


class PasteGuard:
    """Decides whether keys belong to a paste.

    On a busy machine, a program handles keys late and at any distance, so the time between two keys means nothing. Only
    the input itself does: text that is already there after an Enter was not typed by a user who saw its effect, and a
    paste lasts until no input has arrived for some ticks, which a busy machine can only delay. Lines that were typed
    while the program could not read look like a paste, too, unless ``marks_pastes``.

    ``has_input`` waits that many seconds for input, and returns True if there is any. ``marks_pastes`` returns True if
    the terminal is known to mark each paste.
    """

    def __init__(
        self,
        has_input: Callable[[float], bool],
        call_later: Callable[[float, Callable[[], None]], object],
        marks_pastes: Callable[[], bool],
    ) -> None:
        self._has_input = has_input
        self._call_later = call_later
        self._marks_pastes = marks_pastes
        self._in_paste = False
        self._is_ticking = False
        self._quiet_ticks = 0
        self._skipped = 0
        self._is_skipped = False

    def key(self) -> None:
        """Record that a key is about to be handled."""
        self._is_skipped = self._skipped > 0
        self._skipped -= self._is_skipped
        self._quiet_ticks = 0

    def skip(self, count: int) -> None:
        """Record that the next ``count`` keys were typed one by one, at any time."""
        self._skipped = count

    def paste(self) -> None:
        """Record that the key being handled is a paste."""
        self._in_paste = True
        self._quiet_ticks = 0
        if not self._is_ticking:
            self._is_ticking = True
            self._call_later(TICK_SECONDS, self._tick)

    @property
    def has_more(self) -> bool:
        """True if text came with the key being handled, which then answers no question."""
        return self._in_paste or self._has_input(0)

    @property
    def in_paste(self) -> bool:
        """True if the key being handled came with a paste that was noticed before."""
        return self._in_paste

    @property
    def ends_pasted_line(self) -> bool:
        """True if the key being handled, Enter, came with a paste, marked or not."""
        is_known = self._in_paste or self._is_skipped or self._marks_pastes()
        if not is_known and self._has_input(_SETTLE_SECONDS):
            self.paste()
        return self._in_paste

    def _tick(self) -> None:
        self._quiet_ticks = 0 if self._has_input(0) else self._quiet_ticks + 1
        if self._quiet_ticks < _QUIET_TICKS:
            self._call_later(TICK_SECONDS, self._tick)
        else:
            self._in_paste = self._is_ticking = False


_MEDIA_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")


def dropped_media(text: str) -> str:
    """Return a mention for the pasted path of an image or a PDF.

    Terminals paste the path of a dropped file. Empty for any other text, and for a path that does not exist.
    """
    line = text.strip()
    if "\n" in line or not line.strip("'\"").lower().endswith(_MEDIA_ENDINGS):
        return ""
    if line.startswith("file://"):
        path = unquote(line.removeprefix("file://"))
    else:
        quoted = line[0] in "'\"" and line[-1] == line[0]
        path = line[1:-1] if quoted else re.sub(r"\\(.)", r"\1", line)
    # Path.is_file raises for a name that is too long and a folder that may not be entered.
    if not path.startswith(("/", "~/")) or not os.path.isfile(os.path.expanduser(path)):  # noqa: PTH111, PTH113 - as above
        return ""
    # Imported here: no paste before the first prompt needs it.
    from commands.mentions import mention

    return f"{mention(path)} "
