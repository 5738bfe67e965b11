"""The session of an imported conversation: its ID, title and messages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from aloop.formatting import normal_path
from aloop.importers.formats import FORMATS
from aloop.importers.imported import Imported
from aloop.importers.titles import imported_title
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import answer_for
from aloop.memory.origin import IMPORTED, RECORD
from aloop.memory.pairing import pair_calls
from aloop.memory.session import FILE_NAME, MAX_TITLE, TITLE_LENGTH, Session, is_in_future
from aloop.text import clean_text

OWN = "aloop"
"""The format of sessions that aloop wrote."""
_NAMESPACE = uuid.UUID("2c4b6f0a-9d0c-5e0b-8a37-6f1d5a1c70aa")

_OWN_MODELS = "claude-"
"""The start of the names of models that a session can be resumed with here."""


def session_id_of(tool: str, foreign_id: str, branch: str = "") -> str:
    """Return the ID of the session that an imported conversation has.

    A session of aloop keeps its own.
    """
    if tool == OWN:
        return foreign_id
    return str(uuid.uuid5(_NAMESPACE, clean_text(":".join(filter(None, (tool, foreign_id, branch))))))


def copy_id_of(session_id: str) -> str:
    """Return the ID of the copy of a session that was continued on both sides.

    It is the same at each import.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{OWN}:{session_id}:copy"))


def to_session(session_id: str, imported: Imported) -> Session:
    """Return the session, with a message about its origin and no files yet.

    A session of aloop stays as it is.
    """
    if imported.session:
        return replace(imported.session, path=Path(FILE_NAME))
    created = (imported.created_at or imported.updated_at or datetime.now().astimezone()).astimezone()
    updated = max(created, (imported.updated_at or created).astimezone())
    if is_in_future(updated):
        updated = datetime.now().astimezone()
        created = min(created, updated)
    origin = {
        "from": imported.tool,
        "id": imported.foreign_id,
        "branch": imported.branch or None,
        "kind": imported.kind if imported.kind != "session" else None,
        "version": imported.version or None,
        "cwd": imported.cwd or None,
        "model": imported.model,
        "path": str(normal_path(imported.path)) if imported.path else None,
        "lost": dict(imported.losses) or None,
    }
    parent = session_id_of(imported.tool, imported.parent) if imported.parent else None
    return Session(
        id=session_id,
        created_at=created,
        updated_at=updated,
        system_messages=(),
        messages=(LLMMessage("system", describe_origin(imported)), *as_transcript(imported.messages)),
        path=Path(FILE_NAME),
        title=title_of(imported),
        # Resuming a session switches to its model; the messages keep theirs in any case.
        model=imported.model if (imported.model or "").startswith(_OWN_MODELS) else None,
        forked_from=parent,
        extra=JsonObject({IMPORTED: {key: value for key, value in origin.items() if value is not None}}),
    )


def as_transcript(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return messages that can be sent as they are.

    Where the other tool was interrupted, a call gets a placeholder, and a question without an answer is marked. A
    result without a call, an answer before the first question and an empty message are skipped.
    """
    messages = [
        replace(message, interrupted=True) if _is_stopped(answer) and _is_asked(message) else message
        for message, answer in pairwise([*messages, LLMMessage("user", "")])
    ]
    first = next((number for number, message in enumerate(messages) if _is_asked(message)), len(messages))
    messages = [
        replace(message, skip=True) if message.role != "system" and (number < first or is_empty(message)) else message
        for number, message in enumerate(messages)
    ]
    pairing = pair_calls(messages)
    missing: dict[int, list[LLMMessage]] = {}
    for caller, calls in pairing.open_calls.items():
        missing.setdefault(pairing.last_result(caller), []).extend(map(answer_for, calls))
    complete: list[LLMMessage] = []
    for number, message in enumerate(messages):
        is_alone = message.role == "tool" and not message.summary and number not in pairing.callers
        complete += [replace(message, skip=True) if is_alone else message, *missing.get(number, ())]
    return complete


def _is_asked(message: LLMMessage) -> bool:
    return message.role == "user" and not is_empty(message)


def _is_stopped(answer: LLMMessage) -> bool:
    """Return True for an answer that was interrupted before its first word."""
    return answer.interrupted and is_empty(answer)


def is_empty(message: LLMMessage) -> bool:
    """Return True for a message without content, which is not sent."""
    has_content = (message.content or "").strip() or message.tool_calls or message.parts or message.blocks
    return message.role != "tool" and not has_content


def title_of(imported: Imported) -> str:
    """Return the title of a conversation; empty if no message has words of the user."""
    # A title of aloop itself may be one that the user gave.
    longest = MAX_TITLE if imported.tool == "aloop" else TITLE_LENGTH
    return imported_title(imported.title, imported.messages, longest)


def describe_origin(imported: Imported) -> str:
    """Return the message for the model about the origin of the conversation."""
    label = FORMATS[imported.tool].label
    place = f", where it took place in {imported.cwd}" if imported.cwd else ""
    kind = {"session": "conversation", "branch": "branch of a conversation", "subagent": "run of a subagent"}
    return f"This {kind[imported.kind]} was imported from {label}{place}. Its tool calls are {RECORD}"


def describe_return(label: str) -> str:
    """Return the message for the model before messages from another tool."""
    return (
        f"The conversation was continued in {label}, from where the next messages were imported. "
        f"Their tool calls are {RECORD}"
    )
