"""Whether aloop can do its work where it is started: one verdict on each thing it needs, and what to do about it.

Nothing is changed, but for a file that is made and removed again where the sessions are, to see whether that works.

The part of ``aloop doctor`` that looks at the sessions folder: is it there and private, does it take and lock files.

A folder that is not there yet is made with the first conversation, so what is looked at is where that would be.

Whether a model on this machine can answer: part of ``aloop doctor``.

``aloop doctor``: a line for each thing that was looked at, or a line of JSON.
"""

from __future__ import annotations

import errno
import os
import platform
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import Literal

from aloop.cli.console import print_line, print_note
from aloop.cli.options import DoctorOptions
from aloop.config import Settings, config_path, has_credentials, read_config_file, sessions_dir
from aloop.errors import AloopError, UsageError
from aloop.formatting import json_line
from aloop.local_model.status import local_status
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import FOLDER_MODE, explain_error, temporary_name, write_all
from aloop.memory.session import is_in_future
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.sessions_dir.preview import SessionHeader, read_header
from aloop.text import quantity

Level = Literal["ok", "warn", "fail"]

_NARROW = 60
_PLAIN_TERMINALS = {"", "dumb", "unknown"}
# Where prompt_toolkit looks when no variable names an editor.
_USUAL_EDITORS = ("editor", "nano", "pico", "vi", "emacs")
# Before this was written, no clock can be right.
_WRITTEN = 2025


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and what to do about it; ``fail`` is what must be mended for aloop to work."""

    level: Level
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The verdict on one ``topic``."""

    topic: str
    level: Level
    text: str
    advice: str


@dataclass(frozen=True)
class Environment:
    """All that the checks look at; a test puts something else in the place of any of it.

    ``size`` is that of the terminal in columns and rows, None where standard input or output is none. ``given`` is the
    sessions folder that the command line names, ``free`` the bytes that its user may still write beside a path.
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
    def here(cls, given: Path | None, *, size: tuple[int, int] | None, encoding: str) -> Environment:
        """Return those of this process; what its streams are, the caller knows."""
        home = Path(os.environ.get("HOME") or Path.home())
        now = datetime.now().astimezone()
        return cls(os.environ, home, platform.system(), platform.python_version(), size, encoding, now, given)


Check = Callable[[Environment], Verdict]


def examine(around: Environment, checks: Sequence[tuple[str, Check]]) -> Iterator[Diagnosis]:
    """Yield a diagnosis for each of ``checks``, a topic and who looks at it, in their order."""
    for topic, check in checks:
        try:
            verdict = check(around)
        except AloopError as error:
            verdict = Verdict("fail", str(error))
        except OSError as error:
            verdict = Verdict("fail", f"{error.filename or 'it'} can not be looked at: {error.strerror or error}")
        yield Diagnosis(topic, verdict.level, verdict.text, verdict.advice)


def check_python(around: Environment) -> Verdict:
    text = f"{around.python} on {around.system}, {sys.executable}"
    if around.system not in {"Linux", "Darwin"}:
        return Verdict("warn", text, "aloop is tested on Linux and macOS alone; on Windows, use WSL.")
    return Verdict("ok", text)


def check_terminal(around: Environment) -> Verdict:
    if around.size is None:
        return Verdict("ok", "standard input or output is none here: aloop would read and write plain lines")
    term = around.env.get("TERM", "")
    columns, rows = around.size
    colours = "no colours (NO_COLOR)" if around.env.get("NO_COLOR") else "colours"
    text = f"{term or 'TERM is not set'}, {columns}x{rows}, {colours}"
    if term in _PLAIN_TERMINALS:
        advice = "It gets plain lines, without editing; if it can do more, set TERM, to xterm-256color for one."
        return Verdict("warn", text, advice)
    if columns < _NARROW:
        return Verdict("warn", text, f"{_NARROW} columns and more are comfortable.")
    return Verdict("ok", text)


def check_letters(around: Environment) -> Verdict:
    if around.encoding.lower().replace("-", "") == "utf8":
        return Verdict("ok", "UTF-8")
    advice = "Other letters show as question marks; set LANG to a locale with UTF-8, such as C.UTF-8."
    return Verdict("warn", around.encoding, advice)


def check_key(around: Environment) -> Verdict:
    if has_credentials(around.env):
        return Verdict("ok", "there is one for Claude; whether it is accepted, the first question tells")
    return Verdict(
        "warn", "there is none: the local model answers, or an offline demo", "For Claude, set ANTHROPIC_API_KEY."
    )


def check_config(around: Environment) -> Verdict:
    path = config_path(around.env, around.home)
    if not path.exists():
        return Verdict("ok", f"no {path}, and none is needed")
    try:
        read_config_file(path)
    except AloopError as error:
        return Verdict("fail", str(error), "Mend the file, or move it away.")
    return Verdict("ok", str(path))


def check_clock(around: Environment) -> Verdict:
    text = f"{around.now:%Y-%m-%d %H:%M %z}"
    if around.now.year < _WRITTEN:
        return Verdict("fail", text, "This lies in the past. Set the clock: sessions are sorted by it.")
    return Verdict("ok", text)


def check_editor(around: Environment) -> Verdict:
    for name in ("VISUAL", "EDITOR"):
        command = around.env.get(name, "")
        try:
            words = shlex.split(command)
        except ValueError:
            return Verdict("warn", f"{name} is {command!r}", "Its quotes are not closed; set it right.")
        if words and not around.find_program(words[0]):
            return Verdict("warn", f"{name} is {command!r}, which is not there", "Install it, or name another.")
        if words:
            return Verdict("ok", f"{command} ({name})")
    usual = next((name for name in _USUAL_EDITORS if around.find_program(name)), None)
    if usual is None:
        return Verdict("warn", "none was found", "To edit a long input, install one, or name it in EDITOR.")
    return Verdict("ok", f"{usual}; VISUAL or EDITOR names another")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", check_python),
    ("terminal", check_terminal),
    ("letters", check_letters),
    ("key", check_key),
    ("config", check_config),
    ("clock", check_clock),
    ("editor", check_editor),
)


_ELSEWHERE = "choose another folder with --sessions-dir"
_LITTLE, _TOO_LITTLE = 100_000_000, 1_000_000


def check_sessions(around: Environment) -> Verdict:
    """Say where they are and how many; what is odd about them is for ``aloop sessions check``."""
    folder, fs = _folder(around), around.fs
    try:
        status = folder.stat()
    except FileNotFoundError:
        return Verdict("ok", f"{folder}, made with the first conversation")
    if not stat.S_ISDIR(status.st_mode):
        return Verdict("fail", f"{folder} is no folder", f"Move it away, or {_ELSEWHERE}.")
    names = list(fs.folders(folder))
    heads = [head for name in names if (head := read_header(fs, str(folder), name))]
    text = f"{len(heads):,} in {folder}"
    if odd := ", ".join(_oddities(heads, len(names))):
        return Verdict("warn", f"{text}: {odd}", "aloop sessions check tells more.")
    return Verdict("ok", text)


def _oddities(heads: list[SessionHeader], folders: int) -> Iterator[str]:
    unreadable = sum(head.problem is not None for head in heads)
    ahead = sum(head.problem is None and is_in_future(head.updated_at) for head in heads)
    for count, what in (
        (unreadable, "can not be read"),
        (ahead, "dated in the future, by this clock"),
        (folders - len(heads), "without a session.yaml"),
    ):
        if count:
            yield f"{count:,} {what}"


def check_privacy(around: Environment) -> Verdict:
    folder = _folder(around)
    try:
        status = folder.stat()
    except FileNotFoundError:
        return Verdict("ok", "the folder will be its owner's alone")
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.getuid():
        return Verdict("warn", "the folder belongs to somebody else", f"To keep what you say private, {_ELSEWHERE}.")
    if mode & 0o077:
        return Verdict("warn", f"others can look into the folder (mode {mode:04o})", f"chmod 700 {folder}")
    if mode & FOLDER_MODE != FOLDER_MODE:
        return Verdict("fail", f"its owner can not use the folder (mode {mode:04o})", f"chmod 700 {folder}")
    return Verdict("ok", "the folder is its owner's alone")


def check_writing(around: Environment) -> Verdict:
    place, fs = _place(around), around.fs
    try:
        with _probe(around) as path:
            descriptor = fs.create(path)
            try:
                write_all(fs, descriptor, [b"aloop"])
                fs.fsync(descriptor)
            finally:
                fs.close(descriptor)
    except OSError as error:
        return Verdict("fail", str(explain_error(error, "write", place)))
    return Verdict("ok", f"{place} takes files")


def check_locks(around: Environment) -> Verdict:
    """Take a lock, and see that it can not be taken a second time."""
    place, fs = _place(around), around.fs
    advice = f"Two shells could overwrite each other there: {_ELSEWHERE}, on a disk of this machine."
    descriptors = []
    try:
        with _probe(around) as path:
            try:
                descriptors = [fs.open_lock(path), fs.open_lock(path)]
                first, second = [fs.try_lock(descriptor) for descriptor in descriptors]
            finally:
                for descriptor in descriptors:
                    fs.close(descriptor)
    except OSError as error:
        if error.errno in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
            return Verdict("fail", f"files can not be locked in {place}", advice)
        return Verdict("fail", f"could not be tried in {place}: {error.strerror or error}")
    if not first or second:
        return Verdict("fail", f"locks do not hold in {place}", advice)
    return Verdict("ok", "files can be locked")


def check_disk(around: Environment) -> Verdict:
    free = around.free(_place(around))
    text = f"{free / 1e9:,.1f} GB free" if free >= 1e9 else f"{free / 1e6:,.1f} MB free"
    if free < _TOO_LITTLE:
        return Verdict("fail", text, "The next conversation may not fit: free some space.")
    return Verdict("warn", text, "Free some space before it is used up.") if free < _LITTLE else Verdict("ok", text)


def _folder(around: Environment) -> Path:
    return resolve_sessions_dir(around.given or sessions_dir(around.env))


def _place(around: Environment) -> Path:
    """Return the sessions folder, or the nearest above it that is there."""
    folder = _folder(around)
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)


@contextmanager
def _probe(around: Environment) -> Iterator[Path]:
    """Yield the path of a file that is removed again; its name is one that the next start sweeps away."""
    path = _place(around) / temporary_name("doctor")
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):  # it could not even be made
            around.fs.unlink(path)


FOLDER_CHECKS: tuple[tuple[str, Check], ...] = (
    ("sessions", check_sessions),
    ("private", check_privacy),
    ("writing", check_writing),
    ("locks", check_locks),
    ("disk", check_disk),
)


def check_local_model(around: Environment) -> Verdict:
    try:
        status = local_status(Settings.from_env(around.env))
    except UsageError:
        return Verdict("warn", "not looked at: first mend the settings")
    # Nobody has to have it: only one that is there and not right is odd.
    return Verdict("warn" if status.state == "outdated" or status.fault else "ok", status.sentence)


MODEL_CHECKS: tuple[tuple[str, Check], ...] = (("local", check_local_model),)


def run_doctor(options: DoctorOptions) -> int:
    """Print what was found and return the exit code: 1 when something must be mended."""
    around = Environment.here(options.sessions_dir, size=_size(), encoding=sys.stdout.encoding)
    found = list(examine(around, (*CHECKS, *MODEL_CHECKS, *FOLDER_CHECKS)))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for diagnosis in found:
        for line in [json_line(asdict(diagnosis))] if options.as_json else lines(diagnosis, width):
            print_line(line)
    print_note(_summary(found))
    return 1 if any(diagnosis.level == "fail" for diagnosis in found) else 0


def lines(diagnosis: Diagnosis, width: int | None) -> list[str]:
    """Return a diagnosis as one line, folded for a screen of ``width`` columns; its mark is a word, and no colour."""
    end = "" if not diagnosis.advice else " " if diagnosis.text.endswith((".", "?")) else ". "
    line = f"{diagnosis.level:4}  {diagnosis.topic:8}  {diagnosis.text}{end}{diagnosis.advice}"
    if width is None:
        return [line]
    return wrap(line, width - 1, subsequent_indent=" " * 16, break_long_words=False, break_on_hyphens=False)


def _summary(found: Iterable[Diagnosis]) -> str:
    levels = [diagnosis.level for diagnosis in found]
    if fails := levels.count("fail"):
        return f"{quantity(fails, 'thing')} must be mended."
    if warns := levels.count("warn"):
        return f"aloop works here; {quantity(warns, 'thing')} could be better."
    return "All is well."


def _size() -> tuple[int, int] | None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    size = os.get_terminal_size(sys.stdout.fileno())
    return size.columns, size.lines
