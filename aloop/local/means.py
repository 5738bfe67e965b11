"""What an installation of the local model needs of this machine: known before anything is fetched, or asked."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from aloop.errors import LocalModelError
from aloop.local.faults import explain_load
from aloop.local.parcels import Parcel, parcels
from aloop.local.place import Place, size_of

_LIBRARIES = ("libgomp.so.1", "libstdc++.so.6")  # what the packages take from a Linux system


def require_means(place: Place) -> None:
    """Raise LocalModelError for what is in the way of an installation, as far as that can be seen; changes nothing."""
    wanted = parcels()
    find_installer()
    require_libraries()
    _require_place(place)
    require_room(place, wanted)


def find_installer() -> list[str]:
    """Return the command that installs packages into a folder of its own; raises LocalModelError without one."""
    if importlib.util.find_spec("pip"):
        # In the order of its own help. No cache: a second copy of this size in the user's is no service.
        pip = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
        return [*pip, "--retries", "2", "--timeout", "20", "--progress-bar", "off"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--no-progress", "--link-mode", "copy", "--python", sys.executable]
    raise LocalModelError(
        f"This environment has neither pip nor uv, and one of them has to fetch the packages: "
        f"`{sys.executable} -m ensurepip` brings pip."
    )


def require_libraries() -> None:
    """Look for what no package brings along; raises LocalModelError."""
    for library in _LIBRARIES if sys.platform == "linux" else ():
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise LocalModelError(explain_load(str(error))) from error


def require_room(place: Place, wanted: Sequence[Parcel]) -> None:
    """Raise LocalModelError where there is too little; what a kill left behind counts: it is swept away."""
    needed = total_of(wanted)
    free = shutil.disk_usage(_standing(place.data_dir)).free + sum(map(size_of, place.leftovers()))
    if free < needed:
        raise LocalModelError(
            f"{place.data_dir} has {free / 1e6:,.0f} MB free, and {needed / 1e6:,.0f} MB are needed for a moment. "
            "Make room, or name another place with ALOOP_DATA_DIR."
        )


def total_of(wanted: Sequence[Parcel]) -> int:
    """Return the bytes that are on the disk just before the downloads are thrown away."""
    return sum(parcel.size + parcel.installed for parcel in wanted)


def refuse_place(folder: object, reason: str) -> LocalModelError:
    """Return the error for a folder that can not be written."""
    return LocalModelError(f"{folder} can not be written: {reason}. Name another place with ALOOP_DATA_DIR.")


def _require_place(place: Place) -> None:
    above = _standing(place.data_dir)
    if not above.is_dir():
        raise refuse_place(place.data_dir, f"{above} is no folder" if above != place.data_dir else "it is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise refuse_place(
            place.data_dir, f"{above} does not let you" if above != place.data_dir else "it is read-only"
        )


def _standing(path: Path) -> Path:
    """Return ``path``, or the nearest above it that there is."""
    return next(above for above in (path, *path.parents) if above.exists())
