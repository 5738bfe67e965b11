"""Notes that aloop adds to the end of a user message.

Messages that were sent never change, because the API binds thinking to them. So anything new that the model should know
goes into the next user message: a moved working directory, changed project instructions, plan mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from aloop.agent.instructions import Instructions
from aloop.llm.prompts import DIRECTORY, PROJECT_INSTRUCTIONS
from aloop.memory.context import estimate_tokens

_MOVED = "[The working directory is now {}.]"
_CHANGED = "[Project instructions (digest {}). These replace all earlier ones:]"
_GONE = "[Project instructions (digest none). The earlier ones do not apply any more.]"
_PLAN = (
    "[Plan mode is on. Only look: calls that write files or run commands are refused. Read what you need, then end "
    "your answer with a section that has the heading “## Plan” and lists the steps. The user decides whether to carry "
    "it out.]"
)
_NO_PLAN = "[Plan mode is off.]"

_NOTES = re.compile(
    r"(?>\n\n(?:\[The working directory is now [^\n]*\.\]|\[Plan mode is o[^\n]*\]"
    r"|\[Project instructions \(digest [^\n]*\](?:\n\n<instructions path=.*</instructions>)?))+\Z",
    re.DOTALL,
)
_DIRECTORY = re.compile(r"^\[The working directory is now ([^\n]*)\.\]$", re.MULTILINE)
_DIGEST = re.compile(r"^\[?Project instructions \(digest (\w+)\)\.", re.MULTILINE)
_PLAN_MODE = re.compile(r"^\[Plan mode is (on|off)\.", re.MULTILINE)


def without_notes(text: str) -> str:
    """Return a user message without the notes that aloop added to it."""
    return _NOTES.sub("", text)


def directory_note(directory: Path) -> str:
    """Return the note that the working directory has changed."""
    return _MOVED.format(directory)


def instructions_note(instructions: Instructions) -> str:
    """Return the note that the project instructions have changed."""
    if not instructions.files:
        return _GONE
    return f"{_CHANGED.format(instructions.digest)}\n\n{instructions.blocks}"


def plan_note(*, is_on: bool) -> str:
    """Return the note that plan mode is on or off."""
    return _PLAN if is_on else _NO_PLAN


def with_notes(text: str, notes: Iterable[str]) -> str:
    """Return a user message with ``notes`` at its end."""
    return "\n\n".join((text, *notes))


def known_directory(system: str, user_texts: Iterable[str]) -> str | None:
    """Return the working directory that the model was told last, or None."""
    known = next((line.removeprefix(DIRECTORY) for line in system.splitlines() if line.startswith(DIRECTORY)), None)
    return _last(_DIRECTORY, user_texts) or known


def known_instructions(system: str, user_texts: Iterable[str]) -> str:
    """Return the digest of the instructions that the model was given last."""
    # The first one: the text of the instructions follows it and may contain such a line.
    found = _DIGEST.search(system)
    return _last(_DIGEST, user_texts) or (found[1] if found else Instructions().digest)


def instructions_tokens(system: str) -> int:
    """Estimate the tokens of the instructions in a system text."""
    _, found, section = system.partition(f"\n\n{PROJECT_INSTRUCTIONS} (digest ")
    return estimate_tokens(section) if found else 0


def knows_plan_mode(user_texts: Iterable[str]) -> bool:
    """Return True if the model was told last that plan mode is on."""
    return _last(_PLAN_MODE, user_texts) == "on"


def _last(pattern: re.Pattern[str], user_texts: Iterable[str]) -> str | None:
    """Return what ``pattern`` finds last in the notes of user messages."""
    known = None
    for text in user_texts:
        if (notes := _NOTES.search(text)) and (found := pattern.search(notes[0])):
            known = found[1]
    return known
