"""Commands that try to leave the sandbox; each of them must fail."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aloop.config.user_folders import settings_folder, state_dir
from aloop.config.values import SandboxSettings
from tests.processes import is_running
from tests.sandbox.conftest import Run, names_in

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="about namespaces of Linux")

CHANGES_OUTSIDE = {
    "relative path": "echo x > ../outside/file",
    "absolute path": 'echo x > "$OUTSIDE/file"',
    "new file": 'echo x > "$OUTSIDE/new"',
    "removal": 'rm -f "$OUTSIDE/file"',
    "truncation": 'truncate -s 0 "$OUTSIDE/file"',
    "mode": 'chmod 000 "$OUTSIDE/file"',
    "time": 'touch -d 2001-01-01 "$OUTSIDE/file"',
    "symbolic link": 'ln -s "$OUTSIDE" link && echo x > link/file',
    "hard link": 'ln "$OUTSIDE/file" hard && echo x > hard',
    "rename": 'echo x > new && mv -f new "$OUTSIDE/file"',
    "rename of a folder": 'mv "$OUTSIDE" taken',
    "rename of the working directory": 'mv "$PWD" "$OUTSIDE/work"',
    "root of a process": 'echo x > "/proc/self/root$OUTSIDE/file"',
    "root of the first process": 'echo x > "/proc/1/root$OUTSIDE/file"',
    "directory of the parent": 'echo x > "/proc/$PPID/cwd/../outside/file"',
    "remount": 'mount -o remount,rw / && echo x > "$OUTSIDE/file"',
    "bind mount": 'mkdir m && mount --bind "$OUTSIDE" m && echo x > m/file',
    "remount in a namespace": "unshare -Urm sh -c 'mount -o remount,rw,bind / && echo x > \"$OUTSIDE/file\"'",
    "unmount in a namespace": "unshare -Urm sh -c 'umount -l . .git /; echo x > .git/config'",
    "sandbox in the sandbox": "bwrap --bind / / -- sh -c 'echo x > \"$OUTSIDE/file\"'",
    "namespace of the first process": "nsenter -t 1 -a sh -c 'echo x > \"$OUTSIDE/file\"'",
    "disk": "mknod disk b 8 0 && cat disk",
    "core pattern": "cat /proc/sys/kernel/core_pattern > now && cat now > /proc/sys/kernel/core_pattern",
    "system request": "test -e /proc/sysrq-trigger && printf '' >> /proc/sysrq-trigger",
    "kernel settings": "cat /sys/kernel/mm/ksm/run > now && cat now > /sys/kernel/mm/ksm/run",
}


@pytest.mark.parametrize("command", CHANGES_OUTSIDE.values(), ids=CHANGES_OUTSIDE)
async def test_change_outside_the_working_directory_is_refused(run: Run, work: Path, command: str) -> None:
    outside = work.parent / "outside"
    before = [_unchanging(path) for path in (outside, outside / "file")]
    result = await run(command)
    assert result.is_error, result.text
    assert (outside / "file").read_text() == "original\n"
    assert names_in(outside) == ["file"]
    assert [_unchanging(path) for path in (outside, outside / "file")] == before
    assert (work / ".git" / "config").read_text() == "original\n"


@pytest.mark.parametrize("name", ["relative path", "symbolic link", "hard link", "rename", "removal", "mode"])
async def test_change_outside_the_working_directory_works_without_a_sandbox(run: Run, work: Path, name: str) -> None:
    before = [_unchanging(path) for path in (work.parent / "outside", work.parent / "outside" / "file")]
    result = await run(CHANGES_OUTSIDE[name], settings=SandboxSettings("off"))
    assert not result.is_error
    with suppress(FileNotFoundError):  # it was removed
        assert [_unchanging(path) for path in (work.parent / "outside", work.parent / "outside" / "file")] != before


def _unchanging(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_mode, status.st_ino, status.st_nlink, status.st_mtime_ns, status.st_ctime_ns


PROTECTED = {
    "config of git": "echo x > .git/config",
    "hook": "echo x > .git/hooks/pre-commit",
    "other common folder": "echo ../elsewhere > .git/commondir",
    "index": "echo x > .git/index.lock",
    "folder of git renamed": "mv .git git && mkdir .git && echo x > .git/config",
    "folder of git removed": "rm -rf .git",
    "other case": "echo x > .GIT/config",
    "link to the folder of git": "ln -s .git g && echo x > g/config",
    "hard link to the config": "ln .git/config c && echo x > c",
    "session": "echo x > .aloop/sessions/one/session.yaml",
    "command of the project": "mkdir -p .aloop/commands && echo x > .aloop/commands/a.md",
    "sessions removed": "rm -rf .aloop",
}


@pytest.mark.parametrize("command", PROTECTED.values(), ids=PROTECTED)
async def test_change_of_protected_files_in_the_working_directory_is_refused(
    run: Run, work: Path, command: str
) -> None:
    result = await run(f"set -e; {command}")
    assert result.is_error
    for name in (".git/config", ".git/HEAD", ".aloop/sessions/one/session.yaml"):
        assert (work / name).read_text() == "original\n"
    assert names_in(work / ".git") == ["HEAD", "config", "hooks"]
    assert names_in(work / ".git" / "hooks") == []
    assert names_in(work / ".aloop") == ["sessions"]


@pytest.mark.parametrize(
    "command", ["git init -q", "mkdir -p .git/hooks", "echo gitdir: x > .git", "mkdir .aloop/commands"]
)
async def test_repository_and_settings_cannot_be_made(run: Run, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    assert (await run(command, folder=folder)).is_error
    assert names_in(folder) == []


@pytest.mark.parametrize("name", ["settings", "state", "sessions", "program"])
async def test_state_of_aloop_is_protected_in_the_working_directory(run: Run, work: Path, name: str) -> None:
    home = Path(os.environ["HOME"])
    inner = {
        "settings": settings_folder(),
        "state": state_dir() / "aloop",
        "sessions": work / "sessions",
        "program": Path(sys.prefix),
    }[name]
    folder = {"sessions": work, "program": Path(sys.prefix).parent}.get(name, inner.parent)
    assert folder != home
    folder.mkdir(parents=True, exist_ok=True)
    settings = SandboxSettings("require", kept=(work / "sessions",))
    path = shlex.quote(str(inner))
    for command in (f"mkdir -p {path} && touch {path}/new-file", f"mv {path} {path}-2"):
        assert (await run(command, settings=settings, folder=folder)).is_error
        assert not (inner / "new-file").exists()
        inner.mkdir(exist_ok=True)


async def test_home_as_working_directory_cannot_be_changed(run: Run) -> None:
    home = Path(os.environ["HOME"])
    for folder in (home, home.parent):
        assert (await run("echo x > ~/.bashrc", folder=folder)).is_error
        assert (await run("echo x > ~/file", folder=folder)).is_error
    assert not (home / ".bashrc").exists()
    assert not (home / "file").exists()


async def test_start_up_file_linked_into_the_working_directory_is_protected(run: Run, work: Path) -> None:
    (work / "bashrc").write_text("original\n")
    (Path(os.environ["HOME"]) / ".bashrc").symlink_to(work / "bashrc")
    assert (await run("echo x > bashrc")).is_error
    assert (await run("mv bashrc b")).is_error
    assert (work / "bashrc").read_text() == "original\n"


async def test_submodules_are_protected_with_the_folders_above_them(run: Run, work: Path) -> None:
    (work / "a" / "module").mkdir(parents=True)
    (work / "a" / "module" / ".git").write_text("gitdir: ../../.git/modules/module\n")
    (work / "a" / "empty").mkdir()
    (work / ".gitmodules").write_text("[submodule]\n\tpath = a/module\n[submodule]\n\tpath = a/empty\n")
    (work / ".git" / "modules" / "module").mkdir(parents=True)
    (work / ".git" / "modules" / "module" / "config").write_text("[core]\n\tworktree = ../../../a/module\n")
    for command in ("rm a/module/.git", "mv a b", "mv a/module a/m", "mkdir a/empty/.git", "rm .gitmodules"):
        assert (await run(command)).is_error, command
    assert not (await run("touch a/module/new a/new; ls a/module")).is_error


async def test_folder_of_hooks_in_the_project_is_protected(run: Run, work: Path) -> None:
    (work / ".husky" / "_").mkdir(parents=True)
    (work / ".git" / "config").write_text("[core]\n\thooksPath = .husky/_\n")
    for command in ("touch .husky/pre-commit", "mv .husky h"):
        assert (await run(command)).is_error


@pytest.mark.parametrize("path", ["missing", "."])
async def test_hooks_cannot_be_put_into_a_missing_folder_or_the_project(run: Run, work: Path, path: str) -> None:
    (work / ".git" / "config").write_text(f"[core]\n\thooksPath = {path}\n")
    assert (await run(f"mkdir -p {path} && echo x > {path}/pre-commit")).is_error
    assert names_in(work) == [".aloop", ".git", "src"]


@contextmanager
def listening(family: int, kind: int, address: object) -> Iterator[list[bytes]]:
    """Yield the data that a socket of this process receives."""
    received: list[bytes] = []
    with socket.socket(family, kind) as server:
        server.bind(address)  # type: ignore[arg-type] # a path or a pair
        server.settimeout(0.2)
        if kind == socket.SOCK_STREAM:
            server.listen()
        is_over = threading.Event()

        def receive() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError):
                    if kind == socket.SOCK_STREAM:
                        connection, _ = server.accept()
                        with connection:
                            received.append(connection.recv(9))
                    else:
                        received.append(server.recv(9))

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield received
        finally:
            is_over.set()
            thread.join()


def python(code: str) -> str:
    """Return a command that runs Python code of a few lines."""
    return f"{shlex.quote(sys.executable)} -I -c {shlex.quote(textwrap.dedent(code))}"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("place", ["work", "outside", "temporary", pytest.param("abstract", marks=linux_only)])
async def test_socket_file_cannot_be_reached(run: Run, work: Path, kind: int, place: str) -> None:
    path = {"abstract": f"\0aloop-{os.getpid()}", "temporary": f"/tmp/aloop-test-{os.getpid()}"}.get(
        place, os.path.relpath(work.parent / place / "socket")
    )
    absolute = path if place in ("abstract", "temporary") else str(work.parent / place / "socket")
    code = f"""
        import os, socket
        family, kind, path = socket.AF_UNIX, {int(kind)}, {absolute!r}
        if path[0] == "/":
            os.chdir(os.path.dirname(path))
            path = os.path.basename(path)
        def connect():
            sender = socket.socket(family, kind)
            sender.connect(path)
            sender.send(b"x")
        def send():
            sender, _ = socket.socketpair(family, socket.SOCK_DGRAM)
            sender.sendto(b"x", path)
        def raw():
            sender, _ = socket.socketpair(family, socket.SOCK_RAW)
            sender.sendto(b"x", path)
        def again():
            sender, _ = socket.socketpair(family, socket.SOCK_STREAM)
            sender.connect(path)
            sender.send(b"x")
        def sequenced():
            sender, _ = socket.socketpair(family, socket.SOCK_SEQPACKET)
            sender.sendto(b"x", path)
        for attempt in (connect, send, raw, again):
            try:
                attempt()
                print("ESCAPED", attempt.__name__)
            except OSError as error:
                print(attempt.__name__, error)
        try:
            sequenced()
        except OSError as error:
            print("sequenced", error)
    """
    try:
        with listening(socket.AF_UNIX, kind, path) as received:
            text = (await run(python(code))).text
            with_network = (await run(python(code), settings=SandboxSettings("require", has_network=True))).text
            assert received == []
            assert "ESCAPED connect" in (await run(python(code), settings=SandboxSettings("off"))).text
        assert "ESCAPED" not in text + with_network
        assert "connect [Errno" in text
    finally:
        if place != "abstract":
            Path(path).unlink()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
async def test_network_is_off_unless_the_settings_allow_it(run: Run, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    code = f"""
        import socket
        sender = socket.socket(socket.AF_INET, {int(kind)})
        sender.connect({address!r})
        sender.send(b"x")
    """
    with listening(socket.AF_INET, kind, address) as received:
        await run(python(code))
        assert received == []
        await run(python(code), settings=SandboxSettings("require", has_network=True))
        async with asyncio.timeout(20):
            while not received:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # until the thread has run
    assert received == [b"x"]


@linux_only
async def test_names_are_not_resolved_and_other_interfaces_are_missing(run: Run) -> None:
    code = """
        import socket
        print([name for _, name in socket.if_nameindex()])
        for address in (("192.0.2.1", 53), ("1.1.1.1", 53)):
            try:
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(address)
                print("ESCAPED")
            except OSError as error:
                print(error)
        try:
            print("ESCAPED", socket.getaddrinfo("example.com", 80))
        except OSError as error:
            print(error)
    """
    text = (await run(python(code))).text
    assert "ESCAPED" not in text
    assert text.startswith("['lo']")


@linux_only
@pytest.mark.parametrize("family", [1, 17, 31, 38, 40, 44])
async def test_sockets_of_other_families_are_refused(run: Run, family: int) -> None:
    code = f"import socket; socket.socket({family}, socket.SOCK_DGRAM)"
    for settings in (SandboxSettings("require"), SandboxSettings("require", has_network=True)):
        assert "PermissionError: [Errno 1]" in (await run(python(code), settings=settings)).text


@linux_only
async def test_system_calls_that_avoid_the_filter_are_missing(run: Run) -> None:
    code = """
        import ctypes, platform
        numbers = {"x86_64": (425, 250, 248, 249, 0x40000000 + 41), "aarch64": (425, 219, 217, 218)}
        libc = ctypes.CDLL(None, use_errno=True)
        for number in numbers.get(platform.machine(), (425,)):
            print(libc.syscall(number, 1, 1, 0, 0, 0), ctypes.get_errno())
    """
    lines = (await run(python(code))).text.splitlines()[:-1]
    assert set(lines) == {"-1 38"}


@linux_only
async def test_32_bit_calls_are_filtered_too(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "work" / "call.c"
    source.write_text(
        """
        #include <stdio.h>
        static long call(long number, long a, long b, long c) {
            long result;
            __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
            return result;
        }
        int main(void) {
            printf("%ld %ld %ld\\n", call(359, 1, 1, 0), call(102, 1, 0, 0), call(20, 0, 0, 0) > 0 ? 1L : 0L);
        }
        """
    )
    if os.uname().machine != "x86_64" or not shutil.which("gcc"):
        pytest.skip("needs gcc on x86-64")
    result = await run("gcc -o call call.c && ./call")
    if "SIGSEGV" in result.text:
        pytest.skip("this kernel has no 32-bit calls")
    assert result.text.startswith("-1 -38 1\n")


@linux_only
async def test_processes_outside_are_invisible(run: Run) -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:  # noqa: ASYNC220 # returns at once
        try:
            code = f"""
                import ctypes, os
                for number in (9, 15):
                    try:
                        os.kill({process.pid}, number)
                    except OSError as error:
                        print(error)
                print(ctypes.CDLL(None).ptrace(16, {process.pid}, 0, 0))
                print(sorted(name for name in os.listdir("/proc") if name.isdigit())[:3])
            """
            text = (await run(python(code))).text
            assert text.count("No such process") == 2
            assert "-1\n['1'," in text
            await run("kill -9 -1; kill -9 1")
            assert is_running(process.pid)
        finally:
            process.kill()


@linux_only
async def test_command_has_no_privileges_and_cannot_gain_any(run: Run) -> None:
    text = (await run("grep -E '^(NoNewPrivs|CapEff|CapBnd|CapAmb|Seccomp):' /proc/self/status")).text
    values = dict(line.split(":\t") for line in text.splitlines()[:-1])
    assert values == {"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0" * 16, "CapBnd": "0" * 16, "CapAmb": "0" * 16}
    assert (
        await run(
            "cp /bin/sh own && chmod u+s own && ./own -p -c 'cat /proc/self/status' | grep -q 'CapEff:.*[1-9a-f]'"
        )
    ).is_error


@linux_only
async def test_terminal_cannot_be_typed_into(run: Run) -> None:
    code = """
        import fcntl, os, pty
        print(sorted(os.listdir("/dev/pts")))
        try:
            os.open("/dev/tty", os.O_RDWR)
        except OSError as error:
            print(error.strerror)
        _, terminal = pty.openpty()
        for request in (0x5412, 0x541C, 0x5412 + (1 << 32)):
            try:
                fcntl.ioctl(terminal, request & 0xFFFFFFFF, b"x")
            except OSError as error:
                print(error.strerror)
    """
    lines = (await run(python(code))).text.splitlines()
    assert lines[:2] == ["['ptmx']", "No such device or address"]
    assert lines[2:5] == ["Operation not permitted"] * 3


@linux_only
async def test_command_has_no_descriptors_of_aloop(run: Run) -> None:
    assert (await run("ls /proc/self/fd")).text.split()[:4] == ["0", "1", "2", "3"]  # the last one is the folder
    assert len((await run("ls /proc/self/fd")).text.splitlines()) == 5


async def test_credentials_of_aloop_are_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["HOME"])
    for name in (".config/anthropic", ".local/share/python_keyring", "runtime"):
        (home / name).mkdir(parents=True)
        (home / name / "key").write_text("sk-secret")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
    text = (await run("cat ~/.config/anthropic/key ~/.local/share/python_keyring/key ~/runtime/key")).text
    assert "sk-secret" not in text


@linux_only
async def test_temporary_files_of_others_are_hidden(run: Run) -> None:
    other = Path(f"/tmp/aloop-test-{os.getpid()}")
    other.write_text("secret")
    try:
        assert "secret" not in (await run(f"cat {other}; echo x > {other}")).text
        assert other.read_text() == "secret"
    finally:
        other.unlink()


@linux_only
async def test_program_put_before_bubblewrap_does_not_run(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "bwrap").write_text("#!/bin/sh\necho ESCAPED\n")
    (work / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{work}:.:{os.environ['PATH']}")
    assert (await run("echo inside")).text == "inside\n[exit code 0]"
