"""How a line ends: what the shell does next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Next(Enum):
    """What the shell does after a line."""

    READ = "read"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a command: what comes next, and the text to put on the prompt, for another try."""

    next: Next = Next.READ
    prefill: str = ""
