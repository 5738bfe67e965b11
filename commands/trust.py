"""Sessions from elsewhere are announced before anything is done with them: what they say goes to the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, SessionDeclined, StorageError

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import Session
    from commands.context import Context
    from commands.trust_store import TrustFile

_SHOWN_LINES = 8


@dataclass(frozen=True, slots=True)
class TrustConcern:
    """Something to know of a session before going on in it; ``asks`` whether to go on at all.

    ``folder`` or ``text`` is what is trusted once somebody has gone on.
    """

    notice: str
    asks: bool
    folder: Path | None = None
    text: str | None = None


def find_concerns(session: Session, sessions_dir: Path, trust: TrustFile) -> list[TrustConcern]:
    """Return what is strange about ``session``, an empty list for one of the user's own."""
    return [
        *_folder_doubts(sessions_dir, trust),
        *_owner_doubts(session, sessions_dir, trust),
        *_text_doubts(session, trust),
    ]


def _folder_doubts(sessions_dir: Path, trust: TrustFile) -> Iterator[TrustConcern]:
    if not trust.knows_folder(sessions_dir):
        notice = f"You have not worked with the sessions in {sessions_dir} before."
        yield TrustConcern(
            f"{notice}\nWhat this one says, whoever wrote it, goes to the model.", True, folder=sessions_dir
        )


def _owner_doubts(session: Session, sessions_dir: Path, trust: TrustFile) -> Iterator[TrustConcern]:
    folder = session.path.parent
    owners = {path.lstat().st_uid for path in (sessions_dir, folder, session.path) if os.path.lexists(path)}
    others = sorted(owners - {os.getuid()})
    if others and not trust.knows_folder(folder):
        notice = f"Session {session.id[:SHORT_ID]} belongs to another user of this computer ({_name(others[0])})."
        yield TrustConcern(
            f"{notice}\nWhat it says goes to the model, and that user may read and change it.", True, folder=folder
        )


def _text_doubts(session: Session, trust: TrustFile) -> Iterator[TrustConcern]:
    # Imported here, where the engine is loaded: at the top it would be, too, before the first prompt is drawn.
    from aloop.llm.prompts import is_system_prompt

    told = [*session.system_messages, *(message for message in session.messages if message.role == "system")]
    text = "\n\n".join(message.content or "" for message in told)
    if text.strip() and not is_system_prompt(text) and not trust.knows_text(text):
        lines = text.strip().splitlines()
        shown = [f"│ {line}" for line in lines[:_SHOWN_LINES]]
        more = [f"… {len(lines) - _SHOWN_LINES} more lines: /system shows all"] if len(lines) > _SHOWN_LINES else []
        head = "The system message of this session is neither aloop's own nor one that you gave. It tells the model:"
        yield TrustConcern("\n".join([head, *shown, *more]), False, text=text)


async def confirm_trust(context: Context, session: Session) -> None:
    """Announce what is strange about ``session``, and ask where somebody can answer; raises SessionDeclined."""
    doubts = find_concerns(session, context.memory.sessions_dir, context.trust)
    for doubt in doubts:
        if not await context.view.announce(doubt.notice, "Go on in it?" if doubt.asks else ""):
            raise SessionDeclined(session.id)
    folders = [doubt.folder for doubt in doubts if doubt.folder is not None]
    try:
        context.trust.remember(folders, [doubt.text for doubt in doubts if doubt.text is not None])
    except StorageError as error:
        context.view.error(str(error))


async def require_trusted(context: Context, session: Session) -> None:
    """Leave a strange session to the prompt: it takes one to announce it, and to ask; raises SessionDeclined."""
    if find_concerns(session, context.memory.sessions_dir, context.trust):
        raise SessionDeclined(session.id)


def remember_work(agent: ReActAgent, trust: TrustFile, complain: Callable[[str], None]) -> None:
    """Remember where the user works, and with which system message; ``complain`` is told when that can not be.

    Before there is a session in it: a crash must not make a stranger of its user.
    """
    try:
        trust.remember([agent.memory.sessions_dir], [agent.system_text])
    except StorageError as error:
        complain(str(error))


def _name(user: int) -> str:
    # Imported here: it is rarely another user's.
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"number {user}"
