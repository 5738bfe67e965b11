"""The checks of ``aloop doctor``, each with its verdict.

Nothing is changed, except that a probe file is created in the sessions folder and removed again.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from aloop.config.config_file import read_config_file
from aloop.config.credentials import has_credentials, has_stored_key
from aloop.config.settings import Settings
from aloop.config.user_folders import RULES_NAME, config_path, sessions_dir, settings_folder
from aloop.errors import AloopError, UsageError
from aloop.formatting import display_path, home_folder, quantity
from aloop.llm.anthropic.environment import environment_problem
from aloop.local_model.status import local_status
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import FOLDER_MODE, NO_LOCKS, explain_error, temporary_name, write_all
from aloop.memory.session import FILE_NAME, is_in_future
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.sessions_dir.preview import SessionHeader, read_header
from aloop.terminal import DUMB_TERMINALS, is_terminal

_MIN_COLUMNS = 60
# The editors that prompt_toolkit tries if no variable names one.
_DEFAULT_EDITORS = ("editor", "nano", "pico", "vi", "emacs")
_FIRST_YEAR = 2025  # a clock before this year is wrong
_LOW_SPACE, _NO_SPACE = 100_000_000, 1_000_000  # bytes
_ELSEWHERE = "choose another folder with --sessions-dir"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check: ``fail`` means that aloop cannot work properly."""

    level: Literal["ok", "warn", "fail"]
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Environment:
    """Everything that the checks examine, so that a test can replace it.

    ``size`` is the terminal's columns and rows, None if standard input or output is not a terminal. ``given`` is the
    sessions folder named on the command line. ``free`` returns the bytes available at a path.
    """

    env: Mapping[str, str]
    home: Path
    system: str
    python: str
    size: tuple[int, int] | None
    encoding: str
    now: datetime
    given: Path | None = None
    find_program: Callable[[str], str | None] = shutil.which
    free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    fs: filesystem.FileSystem = filesystem.SYSTEM

    @classmethod
    def here(cls, given: Path | None) -> Environment:
        """Return the environment of this process."""
        home = home_folder()
        size = os.get_terminal_size(sys.stdout.fileno()) if is_terminal() else None
        now = datetime.now().astimezone()
        return cls(
            os.environ, home, platform.system(), platform.python_version(), size, sys.stdout.encoding, now, given
        )

    @property
    def folder(self) -> Path:
        """The sessions folder, which need not exist."""
        return resolve_sessions_dir(self.given or sessions_dir(self.env))

    @property
    def nearest_folder(self) -> Path:
        """The sessions folder, or its nearest parent that exists."""
        return next((path for path in (self.folder, *self.folder.parents) if path.is_dir()), self.folder)

    @contextmanager
    def probe(self) -> Iterator[Path]:
        """Yield the path of a file to create, which is removed again.

        After a crash, the next start of aloop removes it.
        """
        path = self.nearest_folder / temporary_name("doctor")
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):  # it could not be created
                self.fs.unlink(path)


Check = Callable[[Environment], Verdict]


def check_python(here: Environment) -> Verdict:
    text = f"{here.python} on {here.system}, {display_path(sys.executable)}"
    if here.system not in {"Linux", "Darwin"}:
        return Verdict("warn", text, "aloop is tested on Linux and macOS only; on Windows, use WSL.")
    return Verdict("ok", text)


def check_terminal(here: Environment) -> Verdict:
    if here.size is None:
        return Verdict("ok", "standard input or output is not a terminal; aloop would read and write plain lines")
    term = here.env.get("TERM", "")
    columns, rows = here.size
    colors = "no colors (NO_COLOR)" if here.env.get("NO_COLOR") else "colors"
    text = f"{term or 'TERM is not set'}, {columns}x{rows}, {colors}"
    if term in DUMB_TERMINALS:
        advice = "Line editing is not available; if the terminal supports it, set TERM, for example to xterm-256color."
        return Verdict("warn", text, advice)
    if columns < _MIN_COLUMNS:
        return Verdict("warn", text, f"At least {_MIN_COLUMNS} columns are recommended.")
    return Verdict("ok", text)


def check_encoding(here: Environment) -> Verdict:
    if here.encoding.lower().replace("-", "") == "utf8":
        return Verdict("ok", "UTF-8")
    advice = "Other characters appear as question marks; set LANG to a UTF-8 locale such as C.UTF-8."
    return Verdict("warn", here.encoding, advice)


def check_key(here: Environment) -> Verdict:
    if has_credentials(here.env):
        return Verdict("ok", "credentials for Claude found (not verified)")
    if has_stored_key(here.env):
        return Verdict("ok", "an API key is in the system keyring (not verified)")
    advice = "To use Claude, set ANTHROPIC_API_KEY, or run `aloop key set`."
    return Verdict("warn", "no credentials; the local model or the offline demo answers", advice)


def check_config(here: Environment) -> Verdict:
    path = config_path(here.env, here.home)
    try:
        path.lstat()
        read_config_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return Verdict("ok", f"{display_path(path)} does not exist (optional)")
    except OSError as error:
        return Verdict("fail", f"{display_path(path)} cannot be read: {error.strerror}", "Check who owns its folder.")
    except AloopError as error:
        return Verdict("fail", str(error), "Fix the file, or move it elsewhere.")
    return Verdict("ok", display_path(path))


def check_rules(here: Environment) -> Verdict:
    """Check that the permission rules can be read."""
    path = settings_folder(here.env) / RULES_NAME
    if not os.path.lexists(path):
        return Verdict("ok", "none (optional)")
    # Imported here: it loads the tools, and most users have no rules.
    from aloop.tools.rules.rule_file import RuleFile

    try:
        count = len(RuleFile(path).read())
    except AloopError as error:
        return Verdict("fail", str(error), "Fix the file, or move it elsewhere.")
    return Verdict("ok", f"{quantity(count, 'rule')} in {display_path(path)}")


def check_endpoints(here: Environment) -> Verdict:
    """Check that the key of each endpoint in the settings is set."""
    try:
        endpoints = Settings.from_env(here.env).endpoints
    except UsageError:
        return Verdict("warn", "not checked; fix the settings first")
    if not endpoints:
        return Verdict("ok", "no endpoints in the settings (optional)")
    missing = [endpoint for endpoint in endpoints.values() if not endpoint.has_key(here.env)]
    if missing:
        names = ", ".join(f"{endpoint.name} ({endpoint.api_key_env})" for endpoint in missing)
        return Verdict("warn", f"the key is not set: {names}", "Export the variable, or remove the endpoint.")
    return Verdict("ok", f"{', '.join(endpoints)} (keys not verified)")


def check_network(here: Environment) -> Verdict:
    """Check the variables for proxies and certificates, without using the network."""
    if problem := environment_problem(here.env):
        return Verdict("fail", problem)
    return Verdict("ok", "proxy and certificate variables are valid (the network was not tried)")


def check_clock(here: Environment) -> Verdict:
    text = f"{here.now:%Y-%m-%d %H:%M %z}"
    if here.now.year < _FIRST_YEAR:
        return Verdict("fail", text, "This date is in the past. Set the clock: sessions are sorted by it.")
    return Verdict("ok", text)


def check_editor(here: Environment) -> Verdict:
    for name in ("VISUAL", "EDITOR"):
        command = here.env.get(name, "")
        try:
            words = shlex.split(command)
        except ValueError:
            return Verdict("warn", f"{name} is {command!r}", "Close its quotes.")
        if words and not here.find_program(words[0]):
            return Verdict("warn", f"{name} is {command!r}, which was not found", "Install it, or set another editor.")
        if words:
            return Verdict("ok", f"{command} ({name})")
    default = next((name for name in _DEFAULT_EDITORS if here.find_program(name)), None)
    if default is None:
        return Verdict("warn", "no editor found", "To edit long input, install one or set EDITOR.")
    return Verdict("ok", f"{default}; set VISUAL or EDITOR to use another")


def check_sandbox(here: Environment) -> Verdict:
    """Check whether commands of the model can run in a sandbox, by trying it."""
    try:
        settings = Settings.from_env(here.env).sandbox
    except UsageError:
        return Verdict("warn", "not checked; fix the settings first")
    if settings.mode == "off":
        return Verdict("ok", "off in the settings; commands run without one")
    # Imported here: only this check needs it.
    from aloop.sandbox.sandbox import find_problem, find_state

    folder = Path.cwd().resolve()
    state = find_state(folder, settings)
    if state.works:
        if problem := find_problem(folder, settings):
            return Verdict("warn", f"commands fail in this folder: {problem}")
        return Verdict("ok", f"commands run in a sandbox: {state.text}")
    if settings.mode == "require":
        return Verdict("fail", f"commands are refused: {state.text}", state.advice)
    return Verdict("warn", f"commands run without a sandbox: {state.text}", state.advice)


def check_local_model(here: Environment) -> Verdict:
    try:
        status = local_status(Settings.from_env(here.env))
    except UsageError:
        return Verdict("warn", "not checked; fix the settings first")
    # The local model is optional: only an installed one can be wrong.
    return Verdict("warn" if status.state == "outdated" or status.fault else "ok", status.sentence)


def check_sessions(here: Environment) -> Verdict:
    """Count the sessions and their problems; ``aloop sessions check`` gives details."""
    try:
        status = here.folder.stat()
    except FileNotFoundError:
        return Verdict("ok", f"{display_path(here.folder)} does not exist yet; the first conversation creates it")
    if not stat.S_ISDIR(status.st_mode):
        return Verdict("fail", f"{display_path(here.folder)} is not a folder", f"Move it elsewhere, or {_ELSEWHERE}.")
    names = list(here.fs.folders(here.folder))
    headers = [header for name in names if (header := read_header(here.fs, str(here.folder), name))]
    text = f"{len(headers):,} in {display_path(here.folder)}"
    if problems := ", ".join(_session_problems(headers, len(names))):
        return Verdict("warn", f"{text}: {problems}", "Run `aloop sessions check` for details.")
    return Verdict("ok", text)


def _session_problems(headers: list[SessionHeader], folders: int) -> Iterator[str]:
    unreadable = sum(header.problem is not None for header in headers)
    ahead = sum(header.problem is None and is_in_future(header.updated_at) for header in headers)
    for count, problem in (
        (unreadable, "cannot be read"),
        (ahead, "dated in the future"),
        (folders - len(headers), "without a session.yaml"),
    ):
        if count:
            yield f"{count:,} {problem}"


def check_privacy(here: Environment) -> Verdict:
    try:
        status = here.folder.stat()
    except FileNotFoundError:
        return Verdict("ok", "only you will have access to the folder")
    mode = stat.S_IMODE(status.st_mode)
    advice = f"Run chmod 700 {shlex.quote(str(here.folder))}"
    if status.st_uid != os.getuid():
        return Verdict("warn", "the folder belongs to another user", f"To keep sessions private, {_ELSEWHERE}.")
    if mode & 0o077:
        return Verdict("warn", f"other users have access to the folder (mode {mode:04o})", advice)
    if mode & FOLDER_MODE != FOLDER_MODE:
        return Verdict("fail", f"you do not have full access to the folder (mode {mode:04o})", advice)
    return Verdict("ok", "only you have access to the folder")


def check_git(here: Environment) -> Verdict:
    """Check whether a git command could delete the sessions."""
    for folder in here.folder.parents:
        mark = folder / ".git"
        # In a linked worktree it is a file that names a folder of the repository; a submodule has such a file too.
        if mark.is_file() and "/worktrees/" in mark.read_text(errors="replace"):
            text = f"the sessions are in a linked worktree, and git worktree remove {folder} deletes them"
            return Verdict("warn", text, f"To keep them, {_ELSEWHERE}.")
        if mark.exists():
            return Verdict("ok", _describe_repository(folder, here.folder))
    return Verdict("ok", "the sessions are not in a git repository")


def _describe_repository(root: Path, sessions_dir: Path) -> str:
    # Imported here for startup time: most commands do not run git.
    from aloop.cli.git.setup import count_untracked

    total = sum(1 for _ in sessions_dir.glob(f"*/{FILE_NAME}"))
    untracked = count_untracked(sessions_dir)
    if total and untracked == 0:
        return "git tracks the sessions, so git clean keeps them"
    command = f"git clean -fdx in {display_path(root)}"
    if untracked is None or untracked == total:
        return f"the sessions are in a repository: {command} would delete them"
    are = "session that is" if untracked == 1 else "sessions that are"
    return f"{command} would delete {untracked:,} {are} not tracked"


def check_writing(here: Environment) -> Verdict:
    folder, fs = here.nearest_folder, here.fs
    try:
        with here.probe() as path:
            descriptor = fs.create(path)
            try:
                write_all(fs, descriptor, [b"aloop"])
                fs.fsync(descriptor)
            finally:
                fs.close(descriptor)
    except OSError as error:
        return Verdict("fail", str(explain_error(error, "write", folder)))
    return Verdict("ok", f"files can be written in {display_path(folder)}")


def check_locks(here: Environment) -> Verdict:
    """Check that a file can be locked, and not twice."""
    folder, fs = here.nearest_folder, here.fs
    advice = f"Two shells could overwrite each other's sessions; {_ELSEWHERE}, on a local disk."
    descriptors = []
    try:
        with here.probe() as path:
            try:
                descriptors = [fs.open_lock(path), fs.open_lock(path)]
                first, second = [fs.try_lock(descriptor) for descriptor in descriptors]
            finally:
                for descriptor in descriptors:
                    fs.close(descriptor)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return Verdict("fail", f"files cannot be locked in {display_path(folder)}", advice)
        return Verdict("fail", f"locking a file in {display_path(folder)} failed: {error.strerror or error}")
    if not first or second:
        return Verdict("fail", f"file locks have no effect in {display_path(folder)}", advice)
    return Verdict("ok", "files can be locked")


def check_disk(here: Environment) -> Verdict:
    free = here.free(here.nearest_folder)
    text = f"{free / 1e9:,.1f} GB free" if free >= 1e9 else f"{free / 1e6:,.1f} MB free"
    if free < _NO_SPACE:
        return Verdict("fail", text, "Free some space: the next conversation may not fit.")
    return Verdict("warn", text, "Free some space soon.") if free < _LOW_SPACE else Verdict("ok", text)


CHECKS: dict[str, Check] = {
    "python": check_python,
    "terminal": check_terminal,
    "encoding": check_encoding,
    "key": check_key,
    "config": check_config,
    "rules": check_rules,
    "servers": check_endpoints,
    "network": check_network,
    "clock": check_clock,
    "editor": check_editor,
    "sandbox": check_sandbox,
    "local": check_local_model,
    "sessions": check_sessions,
    "private": check_privacy,
    "git": check_git,
    "writing": check_writing,
    "locks": check_locks,
    "disk": check_disk,
}


def examine(here: Environment, topics: Iterable[str] = CHECKS) -> Iterator[tuple[str, Verdict]]:
    """Run checks and yield each topic with its verdict; an error fails one check only."""
    for topic in topics:
        try:
            verdict = CHECKS[topic](here)
        except AloopError as error:
            verdict = Verdict("fail", str(error))
        except OSError as error:
            verdict = Verdict(
                "fail", f"{display_path(str(error.filename or 'something'))} cannot be read: {error.strerror or error}"
            )
        yield topic, verdict
