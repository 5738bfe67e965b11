"""Text measured in terminal cells: a CJK character or an emoji takes two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

_NARROW = re.compile(r"[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e]*")
"""Text in which each character takes one cell: Latin letters and common punctuation."""

_CJK = "\u2e80-\u3021\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
# Chinese and Japanese are broken between characters, but not before or after these.
_OPENING = "「『（［｛〈《【〔〘〖“‘"
CLOSING = "、。，．・：；？！ー〜～」』）］｝〉》】〕〙〗”’々ゝゞヽヾ…‥％ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
"""Characters of Chinese and Japanese that never begin a row."""
_JOINERS = dict.fromkeys((0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400)))
FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
"""The regional indicators; two of them are a flag."""

_STEP = 4096
_SEPARATOR = " · "


def text_width(text: str) -> int:
    """Return the width of ``text`` in cells; for joined emoji, the largest possible."""
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    return sum(map(_cells, text))


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    # Imported here: it takes 15 ms, which a list of sessions with Latin titles need not wait for.
    from wcwidth import wcwidth

    # Terminals show a pair of flag letters in two cells, joined or not; wcwidth counts four.
    return 1 if _is_flag_letter(character) else max(wcwidth(character), 0)


def unjoined(text: str) -> str:
    """Split joined emoji into their parts.

    Terminals disagree about the width of the whole, but not of the parts.
    """
    return text if text.isascii() else text.translate(_JOINERS)


def clusters(text: str) -> Iterator[str]:
    """Yield characters with their combining marks, and joined emoji as one."""
    cluster = ""
    for character in text:
        joined = cluster.endswith("\u200d") or _cells(character) == 0 or "\U0001f3fb" <= character <= "\U0001f3ff"
        # Two regional indicators are a flag.
        # A control character, such as a line feed in the input, has no width but is a character.
        joined = joined and not (character < " " or "\x7f" <= character <= "\x9f")
        joined = joined or (_is_flag_letter(character) and len(cluster) == 1 and _is_flag_letter(cluster))
        if cluster and not joined:
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _is_flag_letter(character: str) -> bool:
    return FLAG_LETTERS[0] <= character <= FLAG_LETTERS[-1]


def fit(text: str, width: int) -> str:
    """Return ``text`` cut to ``width`` cells, with an ellipsis at the cut."""
    if text_width(text) <= width:
        return text
    kept, _ = _split(text, width - 1)
    return kept.rstrip() + "…" if width > 0 else ""


def fit_parts(text: str, width: int, separator: str = _SEPARATOR) -> str:
    """Return the first parts of ``text`` that fit into ``width`` cells."""
    while text_width(text) > width and separator in text:
        text = text.rpartition(separator)[0]
    return fit(text, width)


def fit_ends(text: str, width: int, separator: str = _SEPARATOR) -> str:
    """Return the first parts of ``text`` and the last one in ``width`` cells."""
    *parts, last = text.split(separator)
    while len(parts) > 1 and text_width(separator.join([*parts, last])) > width:
        parts.pop()
    return fit(separator.join([*parts, last]), width)


def pad(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, cut or padded on the right."""
    shown = fit(text, width)
    return shown + " " * (width - text_width(shown))


def last_rows(lines: list[str], width: int, count: int) -> list[str]:
    """Return the last ``count`` screen rows of ``lines``, broken like ``rows`` does.

    The time this takes depends on ``count``, not on the length of the text.
    """
    found: list[str] = []
    for text in reversed(lines):
        # A long line starts at a multiple of _STEP, so that its rows keep their places while it grows.
        start = max(0, len(text) - count * width) // _STEP * _STEP
        found[:0] = list(rows(text[start:], width))
        if len(found) >= count:
            return found[len(found) - count :]
    return found


@cache  # it takes 2 ms to compile, and the prompt is drawn without it
def _piece() -> re.Pattern[str]:
    """Return the pattern of what is never broken: a word, or a CJK character."""
    return re.compile(rf" *(?:[{_OPENING}]*[{_CJK}][{CLOSING}]*|[^ {_CJK}]+[{CLOSING}]*)| +")


def rows(text: str, width: int) -> Iterator[str]:
    """Yield safe ``text`` in rows of at most ``width`` cells.

    Rows are broken between words, or inside a word that is too long.
    """
    row, used = "", 0
    for piece in _piece().findall(text):
        taken = text_width(piece)
        if used + taken > width:
            if row:
                yield row
                piece = piece.lstrip(" ")
            *whole, piece = _chopped(piece, width)
            yield from whole
            row, used = piece, text_width(piece)
        else:
            row, used = row + piece, used + taken
    yield row


def row_ends(text: str, width: int) -> list[int]:
    """Return where the rows of safe ``text`` end, broken like ``rows`` does.

    A row may end with spaces, which the next row does not start with.
    """
    ends: list[int] = []
    at = used = 0
    for piece in _piece().findall(text):
        taken = text_width(piece)
        if used and used + taken > width:
            spaces = len(piece) - len(piece.lstrip(" "))
            ends.append(at + spaces)
            taken -= spaces
            used = 0
        used += taken
        if used > width:
            start = at + len(piece) - len(piece.lstrip(" ")) if ends and ends[-1] > at else at
            *whole, rest = _chopped(text[start : at + len(piece)], width)
            for chopped in whole:
                start += len(chopped)
                ends.append(start)
            used = text_width(rest)
        at += len(piece)
    return [*ends, at]


def wrap(text: str, width: int) -> list[str]:
    """Return safe ``text`` as rows of at most ``width`` cells, broken between words.

    Chinese and Japanese are broken between characters. A longer word, such as a path, is left for the terminal to
    wrap, so that it can be copied in one piece.
    """
    found: list[str] = []
    for paragraph in text.split("\n"):
        row, used = "", 0
        for word in paragraph.split(" "):
            gap = " " if row else ""
            for piece in [word] if word.isascii() else _piece().findall(word) or [word]:
                taken = text_width(piece)
                if row and used + len(gap) + taken > width:
                    found.append(row)
                    row, used = piece, taken
                else:
                    row, used = row + gap + piece, used + len(gap) + taken
                gap = ""
        found.append(row)
    return found


def flow(text: str, width: int) -> list[str]:
    """Return rows of safe parts that are separated by `` · ``.

    Rows are broken between parts, or inside a part that is too long.
    """
    found, row = list[str](), ""
    for part in text.split(_SEPARATOR):
        joined = f"{row}{_SEPARATOR}{part}" if row else part
        if row and text_width(joined) > width:
            found += rows(row, width)
            joined = part
        row = joined
    return [*found, *rows(row, width)]


def _chopped(text: str, width: int) -> list[str]:
    """Return ``text`` in at least one piece of at most ``width`` cells."""
    pieces = []
    while text_width(text) > width:
        piece, rest = _split(text, width)
        if not piece:  # a character wider than the screen
            break
        pieces.append(piece)
        text = rest
    return [*pieces, text]


def _split(text: str, width: int) -> tuple[str, str]:
    """Return the start of ``text`` that fits into ``width`` cells, and the rest."""
    end = used = 0
    for cluster in clusters(text):
        used += text_width(cluster)
        if used > width:
            break
        end += len(cluster)
    return text[:end], text[end:]
