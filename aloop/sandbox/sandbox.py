"""The sandbox for commands: its state, and the wrapper of a command."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from aloop.config.values import SandboxSettings
from aloop.formatting import home_folder
from aloop.sandbox import seatbelt
from aloop.sandbox.bubblewrap import TEMPORARY, bubblewrap_arguments
from aloop.sandbox.paths import Layout, find_layout, find_program, hidden_folders, writable_folders
from aloop.sandbox.seccomp import system_call_filter
from aloop.sandbox.wrapper import Wrapper

_PROBE_SECONDS = 10.0
# Pipes, a new file and the end of a process work in every sandbox that is of use.
_PROBE = 'echo 1 | cat > "$TMPDIR/probe" && rm "$TMPDIR/probe"'
_INSTALL = "Install it, for example with `apt install bubblewrap`."
_FORBIDDEN = "The system or the container may forbid user namespaces."


@dataclass(frozen=True, slots=True)
class SandboxState:
    """Tells if commands can run in the sandbox; if not, why and what to do."""

    works: bool
    text: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """The text and the advice, to follow other words."""
        return f"{self.text}. {self.advice}".rstrip()


_working: dict[tuple[Path, SandboxSettings], SandboxState] = {}


def find_state(folder: Path, settings: SandboxSettings) -> SandboxState:
    """Return the state of the sandbox for ``folder``, a real path.

    It is tried without the paths of ``folder``, so that no command can cause a problem there that lets others run
    outside: those then fail. If it works, it is not tried again.
    """
    state = _working.get((folder, settings)) or _find_state(folder, settings)
    if state.works:
        _working[folder, settings] = state
    return state


def _find_state(folder: Path, settings: SandboxSettings) -> SandboxState:
    if sys.platform == "linux":
        name, advice = "bubblewrap", _FORBIDDEN
        program = find_program("bwrap", writable_folders(folder, settings.writable))
        if program is None:
            return SandboxState(False, "bubblewrap is not installed", _INSTALL)
        if not system_call_filter():
            return SandboxState(False, f"the sandbox does not support {os.uname().machine} processors")
    elif sys.platform == "darwin":
        name, advice, program = "sandbox-exec", "", seatbelt.PROGRAM
        if not os.access(program, os.X_OK):
            return SandboxState(False, f"{program} is missing")
    else:
        return SandboxState(False, "this system has no sandbox that aloop can use")
    try:
        problem = _try(_wrap(program, TEMPORARY, Layout((), (), (), ()), [], has_network=settings.has_network))
    except OSError:
        problem = ""  # without a temporary folder, each command is refused
    if problem:
        return SandboxState(False, f"{name} does not work here: {problem}", advice)
    return SandboxState(True, f"{name}, {'with' if settings.has_network else 'without'} network")


def find_problem(folder: Path, settings: SandboxSettings) -> str:
    """Return why a sandbox that works does not do so in ``folder``; empty if it does."""
    try:
        wrapper = make_wrapper(folder, settings, has_blanks=False)
    except OSError as error:
        return error.strerror or str(error)
    return _try(wrapper)


def _try(wrapper: Wrapper) -> str:
    """Run a command in the sandbox, and return why that failed."""
    try:
        with wrapper.opened() as (words, descriptors):
            done = subprocess.run(  # noqa: S603 - a program of the system, with fixed arguments
                [*words, "/bin/sh", "-c", _PROBE],
                env={"PATH": os.defpath, **wrapper.env},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_PROBE_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"exit code {done.returncode}"


def make_wrapper(folder: Path, settings: SandboxSettings, *, has_blanks: bool = True) -> Wrapper:
    """Return the wrapper of a command that starts now in ``folder``, a real path.

    Without ``has_blanks``, the command may be started by others than the supervisor of commands. Raises OSError.
    """
    home = home_folder()
    layout = find_layout(folder, settings, home)
    if not has_blanks:
        layout = replace(layout, blanks=())
    hidden = hidden_folders(home, [folder, *layout.writable])
    writable = writable_folders(folder, settings.writable)
    program = seatbelt.PROGRAM if sys.platform == "darwin" else find_program("bwrap", writable)
    if program is None:
        raise FileNotFoundError("bubblewrap has been removed; install it again")
    return _wrap(program, folder, layout, hidden, has_network=settings.has_network)


def _wrap(program: str, folder: Path, layout: Layout, hidden: Iterable[Path], *, has_network: bool) -> Wrapper:
    temporary = temporary_folder()
    if sys.platform == "darwin":
        words = seatbelt.seatbelt_command(layout, temporary, hidden, has_network=has_network)
        return Wrapper(tuple(words), {"TMPDIR": str(temporary)}, replaces_itself=True)
    options = bubblewrap_arguments(folder, layout, temporary, hidden, has_network=has_network)
    return Wrapper((program, *options), {"TMPDIR": str(TEMPORARY)}, system_call_filter(), layout.blanks)


_PREFIX = "aloop-sandbox-"


@cache
def temporary_folder() -> Path:
    """Return the folder for temporary files of all commands of this process.

    It is removed with the process, or, if that was killed, by the next process that makes one. Raises OSError.
    """
    parent = Path(os.path.realpath(tempfile.gettempdir()))
    for folder in parent.glob(f"{_PREFIX}*"):
        _remove_abandoned(folder)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # until this process ends
        if folder.exists():
            break
        os.close(descriptor)  # another process has just taken it for an abandoned one
    # Imported here: only a process that has run a command needs it.
    import atexit

    atexit.register(_remove, folder)
    return folder


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of a process that has ended, if it is one of this user."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)
    except BlockingIOError:
        pass  # its process is running
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    # Some programs leave folders that even their owner may not change.
    for path, names, _files in os.walk(folder):
        for inner in (Path(path, name) for name in names):
            with suppress(OSError):
                if stat.S_ISDIR(inner.lstat().st_mode):
                    inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
