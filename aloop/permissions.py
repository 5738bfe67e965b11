"""What a tool call asks a person for, and what the person says: the records that pass between engine and screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["write", "shell", "outside"]
"""What can be granted: to change files, to run commands, to leave the working directory (its ``.git`` is outside)."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Form = Literal["text", "diff", "output"]
"""How a text is best shown: as it is, as a unified diff, or as what a command printed, the end mattering most."""


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """What a call would do, exactly: ``summary`` is one line, ``detail`` the diff, the command or the path.

    All of ``kinds`` are needed for it.
    """

    kinds: tuple[Kind, ...]
    summary: str
    detail: str
    form: Form = "text"


@dataclass(frozen=True, slots=True)
class PermissionDecision:
    """What a person said: ``session`` is a yes to all of its kinds until the session ends; a no may have a reason."""

    answer: Literal["once", "session", "no"]
    reason: str = ""


Ask = Callable[[PermissionRequest], Awaitable[PermissionDecision]]
