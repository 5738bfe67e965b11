"""What is to be written is read back first: a text that does not hold what it was made of never reaches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.llm.message_types import LLMMessage
from aloop.memory.serialization import load_messages, load_session
from aloop.memory.session import Session


def check_text(data: bytes | bytearray, path: Path, session: Session) -> None:
    """Read a text back before it is written: it must hold just the messages that it was made of."""
    found = load_session(bytes(data), path)
    if found.messages != session.messages or found.system_messages != session.system_messages:
        raise UnstorableValue(
            f"{path} would not bring back what it was given; nothing was written. Please report this."
        )


def check_lines(lines: str, messages: Sequence[LLMMessage], path: Path) -> None:
    """Read the lines of new messages back before they go in."""
    if not lines:
        return
    try:
        same = load_messages(lines, path) == tuple(messages)
    except SessionFileError as error:
        raise UnstorableValue(f"A message holds what no session can: {error.reason}. Nothing was written.") from None
    if not same:
        raise UnstorableValue("A message would not come back as it is; nothing was written. Please report this.")
