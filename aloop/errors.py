"""Every error that aloop raises on purpose, in one tree.

::

    AloopError
    ├── UsageError                  the request itself makes no sense
    ├── SessionError
    │   ├── SessionNotFound         no session has this id or prefix
    │   ├── InvalidPrefix           empty, too short, or not an id at all (also a ValueError)
    │   ├── AmbiguousPrefix         several sessions begin with it: ``candidates``
    │   ├── SessionBusy             another process has it open: ``holder``
    │   ├── SessionDeclined         its user was asked about it, and does not want to go on in it
    │   ├── SessionExists           it can not come back from the trash: ``path`` is taken
    │   ├── SessionFileError        the file is there and is no session: ``path``, ``line``, ``column``
    │   │   ├── NewerVersion        written by a later aloop: readable, never written
    │   │   └── SessionTwin         another folder has the same id: readable, not to be gone on in
    │   ├── UnstorableValue         a value that session.yaml cannot hold (also a ValueError)
    │   └── StorageError            the disk said no: full, read-only, not permitted
    ├── LLMError
    │   ├── MissingCredentials      no key, no token, no profile
    │   ├── AuthenticationFailed    the key was refused (401, 403)
    │   ├── ModelNotFound           no such model (404)
    │   ├── RequestRejected         the request was refused (400, 413, …)
    │   │   └── ContextOverflow     the conversation no longer fits the model's window
    │   ├── RateLimited             429, after the retries: ``retry_after``
    │   ├── ServerFailed            5xx and overload, after the retries
    │   ├── ConnectionFailed        DNS, refused, unreachable, timed out
    │   ├── StreamBroken            an answer that stopped before its end
    │   └── LocalModelError         the model on this machine can not be installed, found or run
    └── ToolError                   a tool could not do it; the model is told and goes on

The text of each is one sentence or two for a person: what happened, and what to do next.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the one of typing, without typing: every start loads this file, and `aloop --version` only it
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHORT_ID = 8
"""Characters of an id by which a session is called. Kept here because errors call it so, and all stands on them."""


class AloopError(Exception):
    """Base of the tree; ``str(error)`` is fit to show to a person."""


class UsageError(AloopError):
    """The request itself makes no sense (exit code 2 on the command line)."""


class SessionError(AloopError):
    """Something about a stored session."""


class SessionNotFound(SessionError):
    """No session has this id or prefix; ``place`` tells where none has, as in " in the trash"."""

    def __init__(self, prefix: str, place: str = "") -> None:
        super().__init__(f"No session{place} matches {prefix!r}.")
        self.prefix = prefix


class InvalidPrefix(SessionError, ValueError):
    """The text can not be the beginning of a session id."""


class AmbiguousPrefix(SessionError):
    """Several sessions begin with ``prefix``; ``candidates`` holds their full ids, sorted."""

    def __init__(self, prefix: str, candidates: Sequence[str]) -> None:
        shown = ", ".join(candidates[:5]) + (", …" if len(candidates) > 5 else "")
        super().__init__(f"{prefix!r} matches {len(candidates)} sessions: {shown}. Type more of the id.")
        self.prefix = prefix
        self.candidates = tuple(candidates)


class SessionBusy(SessionError):
    """Another process has the session open; ``holder`` says which, and since when."""

    def __init__(self, session_id: str, holder: str) -> None:
        super().__init__(f"Session {session_id[:SHORT_ID]} is open in another aloop ({holder}).")
        self.session_id = session_id
        self.holder = holder


class SessionDeclined(SessionError):
    """Whoever was asked whether to go on in a session did not agree; ``session_id`` says in which."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session {session_id[:SHORT_ID]} was not resumed.")
        self.session_id = session_id


class SessionExists(SessionError):
    """A session can not come back from the trash, for its id or its folder's name is taken by ``path``."""

    def __init__(self, session_id: str, path: Path) -> None:
        super().__init__(
            f"{path} is in the place of session {session_id[:SHORT_ID]}. Move or delete that, then restore again."
        )
        self.session_id = session_id
        self.path = path


class SessionFileError(SessionError):
    """A file that is no readable session; ``line`` and ``column`` count from 1, 0 when unknown."""

    def __init__(self, path: Path, line: int, column: int, reason: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line
        self.column = column
        self.reason = reason


class NewerVersion(SessionFileError):
    """The file's ``version`` is later than this program knows: it is read, and never written."""


class DuplicateSessionId(SessionFileError):
    """The file is sound, and has the id of another one, in the folder ``other``, which goes by it."""

    def __init__(self, path: Path, other: str) -> None:
        super().__init__(path, 0, 0, f"has the id of {other} too; change one of them to tell them apart")
        self.other = other


class UnstorableValue(SessionError, ValueError):
    """A value that session.yaml cannot hold; raised before anything is written."""


class StorageError(SessionError):
    """The operating system refused; ``path`` is what it was about, ``cause`` the OSError."""

    def __init__(self, message: str, path: Path, cause: OSError | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.cause = cause


class LLMError(AloopError):
    """The language model, or the way to it, failed.

    ``passes`` says whether the same request may succeed a little later; ``retry_after`` is how many seconds the API
    asked to wait, None when it did not say.
    """

    is_transient = False
    retry_after: float | None = None


class MissingCredentials(LLMError):
    """There is no key, token or profile to speak to the API with."""


class AuthenticationFailed(LLMError):
    """The API refused the key."""


class ModelNotFound(LLMError):
    """The API does not know the model."""


class RequestRejected(LLMError):
    """The API refused the request itself; sending it again changes nothing."""


class ContextOverflow(RequestRejected):
    """The conversation no longer fits the model's window."""


class RateLimited(LLMError):
    """Too many requests."""

    is_transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerFailed(LLMError):
    """The API failed or is overloaded; the same request may work later."""

    is_transient = True


class ConnectionFailed(LLMError):
    """The API could not be reached."""

    is_transient = True


class StreamBroken(LLMError):
    """The answer stopped before its end."""

    is_transient = True


class LocalModelError(LLMError):
    """The model on this machine can not be installed, found or run."""


class ToolError(AloopError):
    """A tool could not do what it was asked; its text goes back to the model as the result."""
