"""Folders whose files tell the same id: a copy made by hand, or what a folder became that was renamed while in use.

One of them goes by the id. Each other one is known by its folder's name, so that nothing is done to the one that was
meant for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aloop.errors import SHORT_ID, SessionTwin
from aloop.memory.heads import Head
from aloop.memory.session import FILE_NAME


def find_twins(sessions_dir: Path, ids: Mapping[str, str]) -> dict[str, SessionTwin]:
    """Return, by folder, what is wrong with each that does not go by the id it has; ``ids`` are by folder, too."""
    if len(set(ids.values())) == len(ids):
        return {}
    first: dict[str, str] = {}
    for folder in sorted(ids, key=lambda folder: (not folder.endswith(f"_{ids[folder][:SHORT_ID]}"), folder)):
        first.setdefault(ids[folder], folder)
    others = {folder: first[identity] for folder, identity in ids.items() if first[identity] != folder}
    return {folder: SessionTwin(sessions_dir / folder / FILE_NAME, other) for folder, other in others.items()}


def apart(head: Head, twin: SessionTwin | None) -> Head:
    """Return the head of a folder as it is reached, and told of; ``twin`` is None where it goes by its id."""
    return head._replace(id=twin_id(head.folder), problem=twin) if twin else head


def twin_id(folder: str) -> str:
    """Return by what a session is known that does not go by its id."""
    return folder.lower()


def short_name_of(session_id: str, folder: str) -> str:
    """Return what to call a session, to be typed: the beginning of its id, or all of the name that is in its place."""
    return session_id if f"{folder}.".lower().startswith(f"{session_id}.") else session_id[:SHORT_ID]
