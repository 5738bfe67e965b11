"""Warnings about sessions from elsewhere, because their contents go to the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, SessionDeclined, StorageError
from aloop.formatting import display_path

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import Session
    from aloop.memory.trust_file import TrustFile
    from commands.context import Context

_SHOWN_LINES = 8


@dataclass(frozen=True, slots=True)
class TrustConcern:
    """A warning to show before a session is resumed; ``asks`` requires a yes.

    ``session_id``, ``folder`` or ``text`` is trusted once the session has been resumed.
    """

    notice: str
    asks: bool
    session_id: str | None = None
    folder: Path | None = None
    text: str | None = None


def find_concerns(session: Session, sessions_dir: Path, trust: TrustFile) -> list[TrustConcern]:
    """Return the concerns about ``session``; empty for one of the user's own."""
    return [
        *_session_concerns(session, sessions_dir, trust),
        *_owner_concerns(session, sessions_dir, trust),
        *_text_concerns(session, trust),
    ]


def _session_concerns(session: Session, sessions_dir: Path, trust: TrustFile) -> Iterator[TrustConcern]:
    # By session, not by folder: a clone can contain sessions beside those that the user starts in it.
    if not trust.knows_session(session.id):
        notice = f"Session {session.id[:SHORT_ID]} in {display_path(sessions_dir)} was not written by your aloop."
        yield TrustConcern(
            f"{notice}\nEverything in this session will be sent to the model, no matter who wrote it.",
            True,
            session_id=session.id,
        )


def _owner_concerns(session: Session, sessions_dir: Path, trust: TrustFile) -> Iterator[TrustConcern]:
    folder = session.path.parent
    owners = {path.lstat().st_uid for path in (sessions_dir, folder, session.path) if os.path.lexists(path)}
    others = sorted(owners - {os.getuid()})
    if others and not trust.knows_folder(folder):
        notice = f"Session {session.id[:SHORT_ID]} belongs to another user of this computer ({_name(others[0])})."
        yield TrustConcern(
            f"{notice}\nIts contents will be sent to the model, and that user can read and change it.",
            True,
            folder=folder,
        )


def _text_concerns(session: Session, trust: TrustFile) -> Iterator[TrustConcern]:
    # Imported late for startup time.
    from aloop.llm.prompts import is_system_prompt

    # A skipped message, such as the system message of another tool in an imported session, is not sent.
    sent = (message for message in session.messages if message.role == "system" and not message.skip)
    messages = [*session.system_messages, *sent]
    # One by one: a message about the origin of an imported session, for example, is beside aloop's own.
    texts = [message.content or "" for message in messages]
    unknown = [each for each in texts if each.strip() and not is_system_prompt(each) and not trust.knows_text(each)]
    text = "\n\n".join(unknown)
    if unknown and not trust.knows_text(text):
        lines = text.strip().splitlines()
        shown = [f"│ {line}" for line in lines[:_SHOWN_LINES]]
        more = (
            [f"… {len(lines) - _SHOWN_LINES} more lines; /system shows all of it"] if len(lines) > _SHOWN_LINES else []
        )
        head = "The system message of this session is neither aloop's default nor one that you wrote:"
        yield TrustConcern("\n".join([head, *shown, *more]), False, text=text)


async def confirm_trust(context: Context, session: Session) -> None:
    """Show the concerns about ``session``; raise SessionDeclined unless accepted."""
    concerns = find_concerns(session, context.memory.sessions_dir, context.trust)
    for concern in concerns:
        if not await context.view.announce(concern.notice, "Resume it?" if concern.asks else ""):
            raise SessionDeclined(session.id)
    try:
        context.trust.remember(
            accepted=[concern.session_id for concern in concerns if concern.session_id is not None],
            folders=[concern.folder for concern in concerns if concern.folder is not None],
            texts=[concern.text for concern in concerns if concern.text is not None],
        )
    except StorageError as error:
        context.view.error(str(error))


async def require_trusted(context: Context, session: Session) -> None:
    """Raise SessionDeclined if there are concerns; for use where no one can be asked."""
    if find_concerns(session, context.memory.sessions_dir, context.trust):
        raise SessionDeclined(session.id)


class Acceptance:
    """Notes imported sessions, which are not announced: the user asked for them.

    With ``only_notes``, the sessions are announced, and only aloop's message about their origin is not. ``problem`` is
    why noting failed, if it did.
    """

    def __init__(self, trust: TrustFile, *, only_notes: bool = False) -> None:
        self._trust = trust
        self._only_notes = only_notes
        self.problem = ""

    def add(self, session_id: str, note: str) -> None:
        """Note a session and the system message about its origin, before it is written."""
        try:
            accepted = [] if self._only_notes else [session_id]
            self._trust.remember(accepted=accepted, texts=[note] if note else [])
        except StorageError as error:
            self.problem = str(error)


def remember_copy(context: Context, source_id: str, copy_id: str) -> None:
    """Trust a copy as its source; it may be saved before its first turn."""
    try:
        context.trust.trust_copy(source_id, copy_id)
    except StorageError as error:
        context.view.error(str(error))


def remember_work(
    agent: ReActAgent, trust: TrustFile, on_error: Callable[[str], None], on_notice: Callable[[str], None]
) -> None:
    """Trust the agent's session and system message.

    A sessions folder that was not used before is made private. Failures are passed to ``on_error``. Call it before the
    session is saved, so that it is still known after a crash.
    """
    # Imported late for startup time.
    from aloop.memory.sessions_dir.registry import Registry

    folder = agent.memory.sessions_dir
    try:
        if not trust.knows_folder(folder):
            # Only once, because the user may want the folder to be shared.
            for notice in agent.memory.library.make_private():
                on_notice(notice)
        trust.remember(written=[agent.memory.session_id], folders=[folder], texts=[agent.system_text])
        Registry.of_user().add(folder)
    except StorageError as error:
        on_error(str(error))


def _name(user: int) -> str:
    # Imported late for startup time: it is rarely needed.
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user ID {user}"
