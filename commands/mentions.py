"""``@path`` in a typed text: which files it may name, found without a look at the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Nothing is named by the @ of an address, nor by one that a backslash takes the meaning from.
_MENTION = re.compile(r"""(?:^|(?<=[\s([{"',;:]))@(?:"([^"\n]+)"|([^\s"]\S*))""")
_CLOSING = ".,;:!?)]}>\"'`"


def find_mentions(text: str) -> list[tuple[str, ...]]:
    """Return for each mention the paths that it may mean, the likeliest first.

    A path with spaces stands in quotes, ``@"my notes.txt"``; of one without, what ends a sentence or a bracket may be
    no part.
    """
    return [(found[1],) if found[1] else tuple(_readings(found[2])) for found in _MENTION.finditer(text)]


def mention(path: str) -> str:
    """Return ``path`` as a mention of it."""
    return f'@"{path}"' if re.search(r"\s", path) or path[-1:] in _CLOSING else f"@{path}"


def _readings(word: str) -> Iterator[str]:
    yield word
    while word[-1:] and word[-1] in _CLOSING:
        word = word[:-1]
        if word:
            yield word
