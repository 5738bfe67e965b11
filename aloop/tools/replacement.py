"""One text put in place of another: exactly the one, and only where there is no doubt which is meant."""

from __future__ import annotations

import re

from aloop.errors import ToolError

_LINES_NAMED = 5


def replace_text(text: str, old: str, new: str, line_end: str, *, everywhere: bool = False) -> str:
    """Return ``text`` with ``new`` for ``old``; raises ToolError when ``old`` is not there, or not just once.

    A line end in ``old`` matches either kind, one in ``new`` becomes ``line_end``: a model is shown all files alike.
    All else stays, to the byte.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise ToolError("old_text is empty: there is nothing to find. write_file writes a whole file.")
    if old == new:
        raise ToolError("old_text and new_text are the same: there is nothing to change.")
    pattern = "\r?\n".join(map(re.escape, old.split("\n")))
    # A lookahead also counts places that overlap: in "aaa", "aa" is in doubt.
    places = [found.start() for found in re.finditer(f"(?={pattern})", text)]
    if not places:
        raise ToolError(_not_there(text, old))
    if len(places) > 1 and not everywhere:
        raise ToolError(
            f"old_text is in the file {len(places):,} times ({_lines_of(text, places)}). Add lines from around the one "
            "that is meant until there is only one, or set replace_all."
        )
    return re.sub(pattern, lambda _: new.replace("\n", line_end), text)


def _not_there(text: str, old: str) -> str:
    """Say that there is no match, and where one was nearly."""
    first = next((line.strip() for line in old.split("\n") if line.strip()), "")
    near = [number for number, line in enumerate(text.split("\n"), 1) if first and line.strip() == first]
    if not near:
        return "old_text is not in the file. read_file shows what is."
    named = ", ".join(map(str, near[:_LINES_NAMED]))
    return (
        f"old_text is not in the file as it stands. Its first line is at line {named}, so what follows differs, or "
        "the white space does. read_file shows it."
    )


def _lines_of(text: str, places: list[int]) -> str:
    numbers = [text.count("\n", 0, place) + 1 for place in places[:_LINES_NAMED]]
    more = ", …" if len(places) > _LINES_NAMED else ""
    return f"lines {', '.join(map(str, numbers))}{more}"
