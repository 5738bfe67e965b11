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
    """The versions in a file with conflict markers; ``base`` may not be marked."""

    ours: str
    base: str | None
    theirs: str
    labels: Labels


def split_versions(text: str) -> Versions | None:
    """Return the versions in ``text``, or None if it has no complete conflict markers."""
    sides: dict[str, list[str]] = {"ours": [], "base": [], "theirs": []}
    names = {"ours": "ours", "base": "base", "theirs": "theirs"}
    side, conflicts, bases = "", 0, 0
    for line in _lines(text):
        if not side and (start := _START.match(line)):
            side, conflicts = "ours", conflicts + 1
            names["ours"] = start[1] or names["ours"]
        elif side == "ours" and (base := _BASE.match(line)):
            side, bases = "base", bases + 1
            names["base"] = base[1] or names["base"]
        elif side in ("ours", "base") and _MIDDLE.match(line):
            side = "theirs"
        elif side == "theirs" and (end := _END.match(line)):
            side = ""
            names["theirs"] = end[1] or names["theirs"]
        else:
            for name, lines in sides.items():
                if side in ("", name):
                    lines.append(line)
    if side or not conflicts:
        return None
    ours, base_text, theirs = ("".join(lines) for lines in sides.values())
    return Versions(
        ours, base_text if bases == conflicts else None, theirs, Labels(names["ours"], names["base"], names["theirs"])
    )


def _lines(text: str) -> list[str]:
    """Split at the line ends of YAML, not those of ``str.splitlines``."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


def join_marked(data: bytes, path: Path) -> bytes | None:
    """Return a file without its conflict markers, as the merge driver would merge it.

    None if it has no markers, or if only the user can decide.
    """
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
        return None
    return None if merged.conflicts else merged.data
