"""What changed between two versions of a conversation, in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from aloop.llm.message_types import LLMMessage

# Beyond this many messages between the first and the last difference, they are counted without being aligned.
_ALIGNED = 500

_AROUND = "no message, but something around them"


@dataclass(frozen=True, slots=True)
class Changes:
    """How many messages of a conversation somebody edited, removed and added."""

    edited: int = 0
    removed: int = 0
    added: int = 0

    def __str__(self) -> str:
        counts = ((self.edited, "edited"), (self.removed, "removed"), (self.added, "added"))
        return ", ".join(f"{count} {what}" for count, what in counts if count) or _AROUND

    def to_their_author(self) -> str:
        """Return it for whoever made them, who needs no word on where they come from."""
        counts = ((self.edited, "changed"), (self.removed, "removed"), (self.added, "added"))
        told = [f"{count} {'message' if count == 1 else 'messages'} {what}" for count, what in counts if count]
        return ", ".join(told) or _AROUND


def compare(before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> Changes:
    """Return what was done to ``before`` to make it ``after``."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > _ALIGNED * _ALIGNED:
        common = min(len(old), len(new))
        return Changes(common, len(old) - common, len(new) - common)
    edited = removed = added = 0
    names: dict[LLMMessage, int] = {}
    texts = [[names.setdefault(message, len(names)) for message in side] for side in (old, new)]
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        common = min(i2 - i1, j2 - j1)
        edited, removed, added = edited + common, removed + (i2 - i1 - common), added + (j2 - j1 - common)
    return Changes(edited, removed, added)
