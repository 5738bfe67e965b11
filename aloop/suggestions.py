"""The known word that was probably meant by a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable


def closest_match(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the member of ``known`` most like ``word``, None if none is similar."""
    return next(iter(closest_matches(word, known, limit=1, cutoff=cutoff)), None)


def closest_matches(word: str, known: Iterable[str], *, limit: int, cutoff: float = 0.6) -> list[str]:
    """Return up to ``limit`` members of ``known`` most like ``word``, the best first.

    ``cutoff`` is the least similarity, from 0 to 1, that counts.
    """
    # Imported here for start-up time: most words are spelled correctly.
    import difflib

    return difflib.get_close_matches(word, list(known), n=limit, cutoff=cutoff)
