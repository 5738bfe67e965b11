"""The exceptions that aloop raises.

::

    AloopError
    ├── UsageError                  the request is invalid
    ├── SessionError
    │   ├── SessionNotFound         no session has this ID or ID prefix
    │   ├── InvalidPrefix           empty, too short, or not an ID (also a ValueError)
    │   ├── AmbiguousPrefix         several sessions match: ``candidates``
    │   ├── SessionBusy             another process has the session open: ``holder``
    │   ├── SessionDeclined         the user decided not to resume the session
    │   ├── SessionExists           cannot restore from the trash: ``path`` exists
    │   ├── SessionFileError        the file is not a valid session: ``path``, ``line``, ``column``
    │   │   ├── NewerVersion        written by a later version of aloop: read-only
    │   │   └── DuplicateSessionId  another folder has the same ID: read-only
    │   ├── UnstorableValue         session.yaml cannot represent a value (also a ValueError)
    │   └── StorageError            the disk is full or read-only, or permission is denied
    ├── LLMError
    │   ├── MissingCredentials      no key, token or profile
    │   │   └── KeyringFailed       the system keyring cannot be opened, or lacks the key
    │   ├── AuthenticationFailed    the key was rejected (401, 403)
    │   ├── ModelNotFound           unknown model (404)
    │   ├── RequestRejected         the request was rejected (400, 413, …)
    │   │   └── ContextOverflow     the conversation does not fit the context window
    │   ├── RateLimited             429, after all retries: ``retry_after``
    │   ├── ServerFailed            5xx or overloaded, after all retries
    │   ├── ConnectionFailed        DNS failure, refused, unreachable, timed out
    │   ├── StreamBroken            the answer stopped before its end
    │   └── LocalModelError         the local model cannot be installed, found or run
    └── ToolError                   a tool failed: ``fact``, and ``advice`` for the model

Each message is one or two sentences for the user: what happened and what to do next.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, without importing it: this module is loaded by every command
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUCCESS, FAILURE, WRONG_USAGE = 0, 1, 2
"""The exit codes of the program, besides 128 + the number of a signal. Here because errors decide between them."""

SHORT_ID = 8
"""The number of characters of an ID that are shown to users. Here because error messages use it."""


def install_command(requirement: str, package: str = "") -> str:
    """Return the command that adds ``requirement`` to the environment of this aloop.

    An environment of uv or pipx has no pip, and its own command adds ``package`` to it. For an extra of aloop, that is
    the package that the extra requires.
    """
    # Imported here for startup time: every command loads this module.
    import os
    import shlex
    import sys

    added = shlex.quote(package or requirement)
    if os.path.exists(f"{sys.prefix}/uv-receipt.toml"):  # noqa: PTH110  # for startup time, too
        return f"uv pip install --python {shlex.quote(sys.prefix)} {added}"
    if os.path.exists(f"{sys.prefix}/pipx_metadata.json"):  # noqa: PTH110  # the same
        return f"pipx inject aloop {added}"
    return f"pip install {shlex.quote(requirement)}"


class Problem(str):
    """A sentence for the user about something that went wrong, unlike other notices.

    Notices are plain text from their source to the screen, which shows this one as a warning.
    """

    __slots__ = ()


class AloopError(Exception):
    """Base class of all errors; ``str(error)`` can be shown to the user."""


class UsageError(AloopError):
    """The request is invalid (exit code 2 on the command line)."""


class SessionError(AloopError):
    """Base class of errors about stored sessions."""


class SessionNotFound(SessionError):
    """No session has this ID or ID prefix, or none in the trash.

    ``advice`` is a sentence for the user, appended to the message.
    """

    def __init__(self, prefix: str, advice: str = "", *, in_trash: bool = False) -> None:
        place = " in the trash" if in_trash else ""
        super().__init__(f"No session{place} matches {prefix!r}. {advice}".rstrip())
        self.prefix = prefix
        self.in_trash = in_trash


class InvalidPrefix(SessionError, ValueError):
    """The text cannot be the start of a session ID."""


class AmbiguousPrefix(SessionError):
    """Several session IDs, the sorted ``candidates``, start with ``prefix``."""

    def __init__(self, prefix: str, candidates: Sequence[str]) -> None:
        shown = ", ".join(candidates[:5]) + (", …" if len(candidates) > 5 else "")
        super().__init__(f"{prefix!r} matches {len(candidates)} sessions: {shown}. Type more of the ID.")
        self.prefix = prefix
        self.candidates = tuple(candidates)


class SessionBusy(SessionError):
    """Another process, described by ``holder``, has the session open."""

    def __init__(self, session_id: str, holder: str) -> None:
        super().__init__(f"Session {session_id[:SHORT_ID]} is open in another aloop ({holder}).")
        self.session_id = session_id
        self.holder = holder


class SessionDeclined(SessionError):
    """The user was asked whether to resume the session and answered no."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session {session_id[:SHORT_ID]} was not resumed.")
        self.session_id = session_id


class SessionExists(SessionError):
    """A session cannot be restored because ``path`` has its ID or folder name."""

    def __init__(self, session_id: str, path: Path) -> None:
        # Imported here for startup time: every command loads this module.
        from aloop.formatting import display_path

        super().__init__(
            f"Cannot restore session {session_id[:SHORT_ID]}: {display_path(path)} has the same ID or name. "
            "Move or delete it first."
        )
        self.session_id = session_id
        self.path = path


class SessionFileError(SessionError):
    """A file is not a valid session; ``line`` and ``column`` are 0 if unknown."""

    def __init__(self, path: Path, line: int, column: int, reason: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line
        self.column = column
        self.reason = reason

    @property
    def shown(self) -> str:
        """The message for a notice, with ``~`` for the home directory."""
        # Imported here for startup time: every command loads this module.
        from aloop.formatting import display_path

        return str(self).replace(str(self.path), display_path(self.path), 1)


class NewerVersion(SessionFileError):
    """The file was written by a later version of aloop and is read-only."""


class DuplicateSessionId(SessionFileError):
    """The file is valid, but the session in the folder ``other`` has the same ID."""

    def __init__(self, path: Path, other: str) -> None:
        super().__init__(path, 0, 0, f"has the same ID as {other}; change the ID in one of them")
        self.other = other


class UnstorableValue(SessionError, ValueError):
    """session.yaml cannot represent a value; raised before anything is written."""


class StorageError(SessionError):
    """A disk operation on ``path`` failed; ``cause`` is the OSError."""

    def __init__(self, message: str, path: Path, cause: OSError | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.cause = cause


class LLMError(AloopError):
    """The language model, or the connection to it, failed.

    ``is_transient`` is True if the same request may succeed later; ``retry_after`` is the number of seconds that the
    API asked to wait, if any. ``stop_reason`` is why the model answered nothing, if the API gave a reason.
    """

    is_transient = False
    retry_after: float | None = None
    stop_reason: str | None = None


class MissingCredentials(LLMError):
    """No API key, token or profile is configured."""


class KeyringFailed(MissingCredentials):
    """The system keyring is missing, cannot be opened, or lacks the API key."""


class AuthenticationFailed(LLMError):
    """The API rejected the key."""


class ModelNotFound(LLMError):
    """The API does not know the model."""


class RequestRejected(LLMError):
    """The API rejected the request; sending it again fails the same way.

    ``parameter`` is the part of the request that the server blames, if it names one apart from its words.
    """

    parameter = ""


class ContextOverflow(RequestRejected):
    """The conversation does not fit the model's context window."""


class RateLimited(LLMError):
    """Too many requests."""

    is_transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerFailed(LLMError):
    """The API failed or is overloaded."""

    is_transient = True


class ConnectionFailed(LLMError):
    """The API could not be reached."""

    is_transient = True


class StreamBroken(LLMError):
    """The answer stopped before its end."""

    is_transient = True


class LocalModelError(LLMError):
    """The local model cannot be installed, found or run."""


class CostLimitReached(AloopError):
    """The run has cost as much as its limit allows, so no further request was sent."""


class ToolError(AloopError):
    """A tool failed: ``fact`` is what happened, ``advice`` what the model can do next.

    The model gets both as the result of its call. The user is shown the fact.
    """

    def __init__(self, fact: str = "", advice: str = "") -> None:
        super().__init__(f"{fact} {advice}" if advice else fact)
        self.fact = fact
        self.advice = advice
