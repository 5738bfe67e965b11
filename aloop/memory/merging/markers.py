"""Session files with the conflict markers of a merge as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aloop.memory.codec.nodes import Source
from aloop.memory.merging.merge import CannotMerge, Labels, Merged, merge_sessions

_START, _BASE, _MIDDLE, _END = (
    re.compile(rf"{re.escape(mark * 7)}(?: ([^\r\n]*))?\r?\n?\Z") for mark in ("<", "|", "=", ">")
)


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in a file with conflict markers; ``base`` may not be marked.

    ``lines`` are the first and the last line of each conflict, counted from 1.
    """

    ours: str
    base: str | None
    theirs: str
    labels: Labels
    lines: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        """The number of lines in conflicts."""
        return sum(last - first for first, last in self.lines)


def split_versions(text: str) -> Versions | None:
    """Return the versions in ``text``, or None if it has no complete conflict markers."""
    sides: dict[str, list[str]] = {"ours": [], "base": [], "theirs": []}
    names = {"ours": "ours", "base": "base", "theirs": "theirs"}
    side, first, bases = "", 0, 0
    places: list[tuple[int, int]] = []
    for number, line in enumerate(_lines(text), 1):
        if not side and (start := _START.match(line)):
            side, first = "ours", number
            names["ours"] = start[1] or names["ours"]
        elif side == "ours" and (base := _BASE.match(line)):
            side, bases = "base", bases + 1
            names["base"] = base[1] or names["base"]
        elif side in ("ours", "base") and _MIDDLE.match(line):
            side = "theirs"
        elif side == "theirs" and (end := _END.match(line)):
            side = ""
            places.append((first, number))
            names["theirs"] = end[1] or names["theirs"]
        else:
            for name, lines in sides.items():
                if side in ("", name):
                    lines.append(line)
    if side or not places:
        return None
    ours, base_text, theirs = ("".join(lines) for lines in sides.values())
    labels = Labels(names["ours"], names["base"], names["theirs"])
    return Versions(ours, base_text if bases == len(places) else None, theirs, labels, tuple(places))


def _lines(text: str) -> list[str]:
    """Split at the line endings of YAML, not those of ``str.splitlines``."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A file with conflict markers.

    ``lines`` are the first and the last line of each conflict. ``joined`` is the text as the merge driver would have
    written it, with ``left`` conflicts; None if these are not shorter, or if that is not possible.
    """

    lines: tuple[tuple[int, int], ...]
    joined: bytes | None = None
    left: int = 0


def read_marked(data: bytes, path: Path) -> MarkedText | None:
    """Return a file with complete conflict markers, or None if it has none."""
    try:
        source = Source.decode(data)
    except UnicodeDecodeError:
        return None
    versions = split_versions(source.text)
    if versions is None:
        return None
    base = None if versions.base is None else source.encode(versions.base)
    try:
        merged: Merged = merge_sessions(
            base, source.encode(versions.ours), source.encode(versions.theirs), path, versions.labels
        )
    except CannotMerge:
        return MarkedText(versions.lines)
    again = split_versions(Source.decode(merged.data).text) if merged.conflicts else None
    is_better = not merged.conflicts or (again is not None and again.length < versions.length)
    return MarkedText(versions.lines, merged.data if is_better else None, merged.conflicts)
