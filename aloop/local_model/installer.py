"""Fetches the local model into its place, in one step as others see it, and takes it away again.

pip, or uv where the environment has no pip, does the fetching, into a folder beside the place; only a whole one, that
was tried, is renamed to its place. What a kill left behind is swept away by whoever comes next.

What an installation of the local model needs of this machine: known before anything is fetched, or asked.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aloop.errors import LocalModelError
from aloop.local_model.diagnostics import explain_fetch, explain_load
from aloop.local_model.models import InstallPaths, size_of
from aloop.local_model.packages import Package, packages_for, requirements
from aloop.local_model.server import close_worker, start_worker

_LIBRARIES = ("libgomp.so.1", "libstdc++.so.6")  # what the packages take from a Linux system


def require_prerequisites(place: InstallPaths) -> None:
    """Raise LocalModelError for what is in the way of an installation, as far as that can be seen; changes nothing."""
    wanted = packages_for()
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


def require_room(place: InstallPaths, wanted: Sequence[Package]) -> None:
    """Raise LocalModelError where there is too little; what a kill left behind counts: it is swept away."""
    needed = total_of(wanted)
    free = shutil.disk_usage(_standing(place.data_dir)).free + sum(map(size_of, place.leftovers()))
    if free < needed:
        raise LocalModelError(
            f"{place.data_dir} has {free / 1e6:,.0f} MB free, and {needed / 1e6:,.0f} MB are needed for a moment. "
            "Make room, or name another place with ALOOP_DATA_DIR."
        )


def total_of(wanted: Sequence[Package]) -> int:
    """Return the bytes that are on the disk just before the downloads are thrown away."""
    return sum(parcel.size + parcel.installed for parcel in wanted)


def find_obstacle(folder: object, reason: str) -> LocalModelError:
    """Return the error for a folder that can not be written."""
    return LocalModelError(f"{folder} can not be written: {reason}. Name another place with ALOOP_DATA_DIR.")


def _require_place(place: InstallPaths) -> None:
    above = _standing(place.data_dir)
    if not above.is_dir():
        raise find_obstacle(place.data_dir, f"{above} is no folder" if above != place.data_dir else "it is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise find_obstacle(
            place.data_dir, f"{above} does not let you" if above != place.data_dir else "it is read-only"
        )


def _standing(path: Path) -> Path:
    """Return ``path``, or the nearest above it that there is."""
    return next(above for above in (path, *path.parents) if above.exists())


_TICK = 0.2  # seconds between two looks at how far it is


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an installation is: bytes that are on the disk by now, of all that will be, both about right."""

    done: int
    total: int


def install(place: InstallPaths, on_progress: Callable[[Progress], None], installer: Sequence[str] = ()) -> None:
    """Fetch, try and put into place what is missing; raises LocalModelError, and leaves nothing behind then.

    So it does when it is interrupted. What was in the place before stays there until there is something better.
    ``installer`` is the command that does it, as ``pip install`` does; the one that there is when it is empty.
    """
    wanted = packages_for()
    command = installer or find_installer()
    require_libraries()
    try:
        with _alone(place):
            require_room(place, wanted)
            fresh = _beside(place)
            try:
                _fill(fresh, command, wanted, on_progress)
                try_out(fresh / "site")
                _put(fresh, place)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise _refused(error, place) from error


def remove(place: InstallPaths) -> int:
    """Take the local model away and return the bytes that this freed; raises LocalModelError when it can not."""
    try:
        if not place.data_dir.is_dir():
            return 0
        with _alone(place):
            size = size_of(place.folder)
            if place.folder.is_dir():
                gone = _beside(place)
                place.folder.rename(gone)
                shutil.rmtree(gone)
            return size
    except OSError as error:
        raise _refused(error, place) from error


def manifest_text(wanted: Sequence[Package]) -> str:
    """Return what stands in the manifest of a place that holds ``wanted``."""
    return json.dumps({parcel.name: parcel.version for parcel in wanted}) + "\n"


@contextmanager
def _alone(place: InstallPaths) -> Iterator[None]:
    """Keep other installations out, and sweep away what those left that were killed; raises when one is running."""
    place.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalModelError("Another aloop is installing or removing the local model. Wait for it.") from None
        for left in place.leftovers():
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _fill(
    fresh: Path, command: Sequence[str], wanted: Sequence[Package], on_progress: Callable[[Progress], None]
) -> None:
    """Let the installer fill the folder ``fresh``, and tell how far it is."""
    scratch = fresh / "scratch"
    scratch.mkdir(parents=True)
    list_file = fresh / "requirements.txt"
    list_file.write_text(requirements(wanted))
    exact = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(fresh / "site")]
    total = total_of(wanted)
    with (fresh / "log.txt").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 # pip or uv, with arguments of ours
            [*command, *exact, "-r", str(list_file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(scratch),
            # Ctrl-C is ours to act on: it must not leave half of it to clean up behind our back.
            start_new_session=True,
        )
        try:
            done = 0
            while not _ends_within(process, _TICK):
                # What was downloaded goes while the last is unpacked: that is no step back.
                done = max(done, min(size_of(fresh), total))
                on_progress(Progress(done, total))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        log.seek(0)
        output = log.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise LocalModelError(explain_fetch(output))
    on_progress(Progress(total, total))
    shutil.rmtree(scratch)
    (fresh / "log.txt").unlink()
    (fresh / "installed.json").write_text(manifest_text(wanted))


def _environment(scratch: Path) -> dict[str, str]:
    """Return the environment of the installer: what it unpacks and keeps is in ``scratch``, and so goes with it.

    Three settings that people have in their pip's would send the packages elsewhere, or refuse them.
    """
    ours = {"TMPDIR": str(scratch), "UV_CACHE_DIR": str(scratch), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    kept.pop("PIP_TARGET", None)
    return kept | ours


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def try_out(site: Path) -> None:
    """Load what was fetched, in a process of its own; raises LocalModelError when that needs what is not there."""
    process = start_worker({"site": str(site), "file": "", "key": "", "window": 0, "threads": 1, "sampling": {}})
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout as stdout:
        said = stdout.readline()
    close_worker(process)
    if said != b"{}\n":
        raise LocalModelError(explain_load(json.loads(said)["error"] if said else "it ended at once"))


def _put(fresh: Path, place: InstallPaths) -> None:
    """Rename ``fresh`` to its place, instead of what is there."""
    # A power cut must not leave a place that looks whole and has holes.
    for path in fresh.rglob("*"):
        _sync(path)
    before = _beside(place)
    if place.folder.exists():
        place.folder.rename(before)
    fresh.rename(place.folder)
    shutil.rmtree(before, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(place: InstallPaths) -> Path:
    """Return a new name beside the place, of those that ``_alone`` sweeps away."""
    return place.beside(secrets.token_hex(4))


def _refused(error: OSError, place: InstallPaths) -> LocalModelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalModelError(explain_fetch("no space left on device"))
    return find_obstacle(error.filename or place.data_dir, error.strerror or str(error))
