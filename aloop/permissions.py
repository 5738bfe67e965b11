"""Permission requests of tool calls and the decisions of the user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["write", "shell", "outside"]
"""A kind of action that needs permission.

"write" changes files, "shell" runs commands, "outside" leaves the working directory. Its ``.git`` counts as outside.
"""

KINDS: tuple[Kind, ...] = get_args(Kind)

Form = Literal["text", "diff", "output"]
"""How to show a text: as it is, as a unified diff, or as output, whose end matters most."""


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """A tool call that needs permission for all of ``kinds``.

    ``summary`` is one line; ``detail`` is the complete diff, command or path.
    """

    kinds: tuple[Kind, ...]
    summary: str
    detail: str
    form: Form = "text"


@dataclass(frozen=True, slots=True)
class PermissionDecision:
    """The user's decision; "session" permits all of the kinds until the session ends.

    A "no" may have a reason.
    """

    answer: Literal["once", "session", "no"]
    reason: str = ""


Ask = Callable[[PermissionRequest], Awaitable[PermissionDecision]]
