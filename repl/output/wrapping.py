"""Styled text broken into rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aloop.width import row_ends
from repl.output.styled import Line, Span
from repl.output.theme import Look, Style


def joined_text(spans: Iterable[Span]) -> str:
    """Return the text of spans."""
    return "".join(text for _, text in spans)


def with_style(spans: Iterable[Span], style: Style) -> list[Span]:
    """Return ``spans`` with one more style each."""
    return [(_combined(look, style), text) for look, text in spans]


def strong(spans: Iterable[Span]) -> list[Span]:
    """Return ``spans`` in bold."""
    return with_style(spans, Style.STRONG)


def _combined(look: Look, style: Style) -> Look:
    if look is Style.PLAIN:
        return style
    return (*look, style) if isinstance(look, tuple) else (look, style)


def wrap_spans(spans: Sequence[Span], width: int, *, keep_spaces: bool = False) -> list[Line]:
    """Return safe ``spans`` in rows of at most ``width`` cells, at least one.

    Rows are broken at line feeds, between words, and inside a word that is too long. Unless ``keep_spaces`` is set,
    they do not end with spaces.
    """
    text = joined_text(spans)
    cuts: list[tuple[int, int]] = []
    start = 0
    for paragraph in text.split("\n"):
        at = 0
        for end in row_ends(paragraph, max(width, 1)):
            row = paragraph[at:end]
            kept = len(row) if keep_spaces else len(row.rstrip(" "))
            cuts.append((start + at, start + at + kept))
            at = end
        start += len(paragraph) + 1
    return _sliced(spans, cuts)


def after_text(lines: Sequence[Line], printed: str) -> list[Line]:
    """Return the part of ``lines`` after the text ``printed``.

    That may have been wrapped for another width. Only letters and digits are compared, because the marks of Markdown
    may have changed. From the first difference on, everything counts as not printed.
    """
    wanted = [character for character in printed if character.isalnum()]
    if not wanted:
        return list(lines)
    at = 0
    for number, row in enumerate(lines):
        text = joined_text(row)
        for place, character in enumerate(text):
            if not character.isalnum():
                continue
            if at == len(wanted) or character != wanted[at]:
                # A period or the like after the last word belongs to it.
                first = text.rfind(" ", 0, place) + 1 if place else 0
                return [*_sliced(row, [(first, len(text))]), *lines[number + 1 :]]
            at += 1
        if at == len(wanted):
            return list(lines[number + 1 :])
    return []


def _sliced(spans: Sequence[Span], cuts: Sequence[tuple[int, int]]) -> list[Line]:
    """Return the parts of ``spans`` between the places in ``cuts``, which ascend."""
    lines: list[Line] = []
    number = at = 0
    for start, end in cuts:
        row: list[Span] = []
        while number < len(spans) and at + len(spans[number][1]) <= start:
            at += len(spans[number][1])
            number += 1
        place, begin = number, at
        while place < len(spans) and begin < end:
            look, text = spans[place]
            part = text[max(0, start - begin) : end - begin]
            if part:
                row.append((look, part))
            begin += len(text)
            place += 1
        lines.append(tuple(row))
    return lines
