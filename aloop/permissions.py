"""Permission requests of tool calls and the decisions of the user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["write", "shell", "outside"]
"""A kind of action that needs permission.

"write" changes files, "shell" runs commands, "outside" leaves the working directory. Its ``.git`` counts as outside.
"""

KINDS: tuple[Kind, ...] = get_args(Kind)

Mode = Literal["ask", "edits", "plan"]
"""How much is done without asking: nothing, file changes, or nothing but looking at all."""

MODES: tuple[Mode, ...] = get_args(Mode)
MODE_NAMES: Mapping[Mode, str] = {"ask": "ask first", "edits": "accept edits", "plan": "plan"}
MODE_EFFECTS: Mapping[Mode, str] = {
    "ask": "aloop asks before it changes files or runs commands.",
    "edits": "File changes in the working directory need no question.",
    "plan": "The model only looks, and makes a plan for you to approve.",
}


def next_mode(mode: Mode) -> Mode:
    """Return the mode after ``mode``, in a circle."""
    return MODES[(MODES.index(mode) + 1) % len(MODES)]


Form = Literal["text", "diff", "output"]
"""How to show a text: as it is, as a unified diff, or as output, whose end matters most."""


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """A tool call that needs permission for all of ``kinds``.

    One without kinds only needs that no rule stops it. ``summary`` is one line; ``detail`` is the complete diff,
    command or path. ``paths`` are the names of the file or folder, the real path first. ``offer`` describes rules that
    the user may accept, each a command or a path. ``is_unsandboxed`` is True for a command that will not run in the
    sandbox although there is one.
    """

    kinds: tuple[Kind, ...]
    summary: str
    detail: str
    form: Form = "text"
    paths: tuple[Path, ...] = ()
    offer: tuple[str, ...] = ()
    is_unsandboxed: bool = False


@dataclass(frozen=True, slots=True)
class PermissionDecision:
    """The user's decision; "session" permits all of the kinds until the session ends.

    "rule" accepts the rules that the request offers. A "no" may have a reason.
    """

    answer: Literal["once", "session", "rule", "no"]
    reason: str = ""


Ask = Callable[[PermissionRequest], Awaitable[PermissionDecision]]
