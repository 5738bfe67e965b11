"""What is searched for: words and phrases, and how text is made comparable with them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_TERM = re.compile(r'["“”„]([^"“”„]*)(?:["“”„]|\Z)|([^\s"“”„]+)')


def fold(text: str) -> str:
    """Return ``text`` as it is compared: without case, composed, its white space made single spaces."""
    text = " ".join(text.split())
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@dataclass(frozen=True, slots=True)
class Query:
    """Folded words and phrases, all of which must be there, in any order; none of them matches nothing."""

    terms: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read words parted by white space, and phrases in quotes; a quote that is left open closes at the end."""
        found = (fold(match.group(1) or match.group(2) or "") for match in _TERM.finditer(text))
        return cls(tuple(dict.fromkeys(term for term in found if term)))

    def missing(self, folded: str) -> list[str]:
        """Return the terms that folded text does not hold."""
        return [term for term in self.terms if term not in folded]
