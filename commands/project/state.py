"""Answers and notices about files of projects in this run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class ProjectState:
    """Projects that the user declined to trust, and sentences that were shown already."""

    declined: set[Path] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)
