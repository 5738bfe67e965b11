"""What a session's text consists of, before it has a meaning: scalars, mappings and sequences with their places.

``start`` and ``end`` are offsets in characters of the text. Scalars are always text; whether one stood plain decides
later if ``null`` is nothing or a word. A node made by the fast reader has its offsets at 0: it never needs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Scalar:
    """A value; ``plain`` is True when it stood without quotes and not as a block."""

    text: str
    plain: bool = False
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class Sequence:
    """A list; ``flow`` is True for the bracketed form."""

    items: list[Node] = field(default_factory=list)
    flow: bool = False
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class Mapping:
    """Keys and values in the order of the file; a key is unique."""

    values: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)
    flow: bool = False
    start: int = 0
    end: int = 0


Node = Scalar | Sequence | Mapping
