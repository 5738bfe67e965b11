"""Long results, cut in the middle: their beginning says what they are, their end how it went."""

from __future__ import annotations

MOST_BYTES = 30_000
"""Of a tool's result as a model gets it, in UTF-8."""


def shorten(text: str, where: str) -> str:
    """Return the beginning and the end of ``text``, together about MOST_BYTES, with the sizes told between them.

    The cuts are at line ends where there are any nearby; ``where`` says what became of the rest.
    """
    data = text.encode()
    half = MOST_BYTES // 2
    head, tail = data[:half], data[-half:]
    head = head[: head.rfind(b"\n", half // 2) + 1] or head
    tail = tail[tail.find(b"\n", 0, half // 2) + 1 :]
    # What the cut left of a character is no character.
    first, last = head.decode(errors="ignore"), tail.decode(errors="ignore")
    cut = len(data) - len(head) - len(tail)
    return f"{first.rstrip()}\n[… {cut:,} of {len(data):,} bytes left out here; {where} …]\n{last}"
