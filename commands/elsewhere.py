"""A session of another project that ``aloop --resume ID`` names."""

from __future__ import annotations

import os
from pathlib import Path

from aloop.errors import SHORT_ID, SessionError, StorageError
from aloop.formatting import display_path
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.sessions_dir.registry import project_of
from aloop.memory.trust_file import TrustFile

TYPE_CHECKING = False  # as in typing, whose import is not needed otherwise
if TYPE_CHECKING:
    from aloop.memory.projects import Place


def find_elsewhere(prefix: str) -> Place | None:
    """Return the session of another project with this ID prefix, None if one is here.

    Only a session that this user's aloop has written is found. Raises SessionError if several match.
    """
    here = resolve_sessions_dir()
    if _is_here(here, prefix):
        return None
    # Imported late for startup time: most sessions are here.
    from aloop.memory import SessionLibrary
    from aloop.memory.projects import AllProjects

    if SessionLibrary(here).backend.find(prefix):  # under another name
        return None
    trust = TrustFile.of_user()
    places = [place for place in AllProjects().find(prefix) if trust.wrote(place.session_id)]
    if len(places) > 1:
        ids = {place.session_id for place in places}
        length = SHORT_ID if len({each[:SHORT_ID] for each in ids}) == len(ids) else None
        listed = ", ".join(
            f"{place.session_id[:length]} in {display_path(project_of(place.sessions_dir))}" for place in places
        )
        # Clones of a project have sessions with the same ID.
        more = ", or type more of the ID" if len(ids) > 1 else ""
        raise SessionError(
            f"No session here matches {prefix!r}, but there are {listed}. Change to one of these folders{more}."
        )
    return places[0] if places else None


def _is_here(sessions_dir: Path, prefix: str) -> bool:
    """Return True if a folder's name shows that the session is here."""
    try:
        shorts = [short_name(name) for name in SYSTEM.folders(sessions_dir)]
    except OSError:
        return False
    wanted = prefix.lower()
    return any(short.startswith(wanted) or wanted.startswith(short) for short in shorts if len(short) >= SHORT_ID)


def describe_place(place: Place) -> str:
    """Return a sentence with the project of a session."""
    return f"Session {place.session_id[:SHORT_ID]} is in {display_path(project_of(place.sessions_dir))}."


def enter_project(place: Place) -> None:
    """Change the working directory; raises StorageError if that is not possible."""
    project = require_project(place)
    try:
        os.chdir(project)
    except OSError as error:
        raise StorageError(f"Could not change to {display_path(project)}: {error.strerror}.", project, error) from error
    os.environ["PWD"] = str(project)


def require_project(place: Place) -> Path:
    """Return the folder to change to; raises StorageError if it cannot be entered."""
    project = project_of(place.sessions_dir)
    if not project.is_dir():
        raise StorageError(f"{display_path(project)} no longer exists.", project)
    return project
