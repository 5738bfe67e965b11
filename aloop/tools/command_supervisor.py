"""The parent process of a command, which ends everything that the command started.

aloop runs this file by its path, isolated and without site-packages, so it imports only the standard library. Its
arguments are the descriptor of a socket to aloop, the seconds between SIGTERM and SIGKILL, the value of LC_CTYPE (which
Python may change), "1" if the command begins with a program that runs the rest in a sandbox as its child, the number of
blank folders, these, and the command. Through the socket it sends the command's process ID, and the error number if the
command could not be started.

- When the command ends, all its descendants are killed, and this process ends with the same exit code or signal.
- After SIGTERM, the descendants get SIGTERM, and a while later SIGKILL.
- When the socket closes, because aloop has ended or will not wait, they get SIGKILL at once.

Blank folders are made before the command starts, and removed after it if they are empty and no other command needs
them: a sandbox can protect only what exists.

On Linux, descendants that have left their parent and group (``setsid``, double fork) become children of this process.
Elsewhere, the process table is read once a second to know them.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILL_PATIENCE = 2.0  # seconds to try to kill processes, some of which may belong to another user
_TABLE_INTERVAL = 1.0


def main() -> int:
    """Run the command; return its exit code, or end by its signal."""
    number, grace, locale, is_sandboxed, count, *rest = sys.argv[1:]
    blanks, command = rest[: int(count)], rest[int(count) :]
    line = socket.socket(fileno=int(number))
    line.set_inheritable(False)
    is_reaper = _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake = _wake_on(signal.SIGCHLD, signal.SIGTERM)
    held = [(path, descriptor) for path in blanks for descriptor in _hold(path)]
    leader = _start(command, locale, line)
    family = _Family(leader, is_reaper=is_reaper, spares_leader=bool(is_sandboxed))
    status = family.watch(line, wake, float(grace))
    for path, descriptor in held:
        _release(path, descriptor)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _end_by(-code)
    return code


def _prctl(option: int, value: int) -> bool:
    """Return True if Linux has accepted the option."""
    if sys.platform != "linux":
        return False
    # Imported here, because other systems do not need it.
    import ctypes

    return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)) == 0


def _hold(path: str) -> list[int]:
    """Make a folder if it is missing, and return a descriptor with a lock on it.

    If that is impossible, the list is empty, and starting the sandbox fails.
    """
    with suppress(OSError):
        while True:
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)  # noqa: PTH102  # without pathlib, for startup time
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.lstat(path)):  # noqa: PTH110
                return [descriptor]
            os.close(descriptor)  # another command has just removed it
    return []


def _release(path: str, descriptor: int) -> None:
    """Remove a folder if it is empty and no other command holds it."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rmdir(path)  # noqa: PTH106  # without pathlib, for startup time


_has_to_stop = [False]


def _wake_on(*signals: signal.Signals) -> int:
    """Return a descriptor that becomes readable when one of ``signals`` arrives."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, _note)
    return reading


def _note(number: int, _frame: object) -> None:
    if number == signal.SIGTERM:
        _has_to_stop[0] = True


def _start(command: list[str], locale: str, line: socket.socket) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()  # no terminal to prompt on
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        env = {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}
        if locale:
            env["LC_CTYPE"] = locale
        line.send(b"%d " % os.getpid())
        os.execvpe(command[0], command, env)  # noqa: S606  # the command that the user has allowed
    except OSError as error:
        line.send(b"%d" % (error.errno or 1))
    finally:
        os._exit(127)


class _Family:
    """The command and its descendants.

    ``spares_leader`` keeps SIGTERM from the leader, which would end all others at once.
    """

    def __init__(self, leader: int, *, is_reaper: bool, spares_leader: bool) -> None:
        self._leader = leader
        self._is_reaper = is_reaper
        self._spared = {leader} if spares_leader else set()
        self._known: set[int] = set()
        self._status: int | None = None

    def watch(self, line: socket.socket, wake: int, grace: float) -> int:
        """Wait for the command, end the rest, and return the command's wait status."""
        ends_at: float | None = None
        while self._status is None:
            pauses = [] if ends_at is None else [max(0.0, ends_at - time.monotonic())]
            pauses += [] if self._is_reaper else [_TABLE_INTERVAL]
            ready, _, _ = select.select([line.fileno(), wake], [], [], min(pauses, default=None))
            if wake in ready:
                os.read(wake, 4_096)
            if not self._is_reaper:
                self._known.update(self._descendants())
            self._reap()
            if line.fileno() in ready or (ends_at is not None and time.monotonic() >= ends_at):
                break
            if _has_to_stop[0] and ends_at is None:
                ends_at = time.monotonic() + grace
                self._signal(signal.SIGTERM)
        self._kill()
        return signal.SIGKILL if self._status is None else self._status

    def _kill(self) -> None:
        ends_at = time.monotonic() + _KILL_PATIENCE
        if not self._is_reaper:
            self._signal(signal.SIGKILL)
            with suppress(OSError):
                os.killpg(self._leader, signal.SIGKILL)
        while self._reap() and time.monotonic() < ends_at:
            self._signal(signal.SIGKILL)
            time.sleep(0.002)

    def _reap(self) -> bool:
        """Collect ended children; return True if any are left."""
        with suppress(ChildProcessError):
            while True:
                child, status = os.waitpid(-1, os.WNOHANG)
                if child == 0:
                    return True
                if child == self._leader:
                    self._status = status
        return False

    def _signal(self, number: signal.Signals) -> None:
        spared = self._spared if number == signal.SIGTERM else set()
        for process in {*self._descendants(), *self._known} - spared:
            with suppress(OSError):  # it has ended, or it belongs to another user
                os.kill(process, number)

    def _descendants(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for process, parent in _processes():
            children.setdefault(parent, []).append(process)
        found: list[int] = []
        waiting = [os.getpid(), *self._known]
        while waiting:
            below = children.pop(waiting.pop(), [])
            found += below
            waiting += below
        return found


def _processes() -> list[tuple[int, int]]:
    """Return the process and parent IDs of all processes."""
    if os.path.exists("/proc/self/stat"):  # noqa: PTH110  # without pathlib, for startup time
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208  # the same
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  # the same
                # The name of the program, in brackets, may contain any character.
                found.append((int(name), int(file.read().rpartition(b")")[2].split()[1])))
        return found
    # Imported here, because it is not needed on Linux.
    import subprocess

    done = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=False)
    pairs = (row.split() for row in done.stdout.splitlines())
    return [(int(process), int(parent)) for process, parent in pairs]


def _end_by(number: int) -> None:
    """End this process by a signal, without a core file."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # imported here, because few commands end by a signal

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # SIGKILL needs no reset
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(1)  # until the signal arrives


if __name__ == "__main__":
    os._exit(main())
