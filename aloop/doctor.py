"""Whether aloop can do its work where it is started: one verdict on each thing it needs, and what to do about it.

Nothing is changed, but for a file that is made and removed again where the sessions are, to see whether that works.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from aloop.config import has_credentials
from aloop.config_file import config_path, read_config_file
from aloop.errors import AloopError
from aloop.memory import os_port

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
class Surroundings:
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
    port: os_port.OsPort = os_port.SYSTEM

    @classmethod
    def here(cls, given: Path | None, *, size: tuple[int, int] | None, encoding: str) -> Surroundings:
        """Return those of this process; what its streams are, the caller knows."""
        home = Path(os.environ.get("HOME") or Path.home())
        now = datetime.now().astimezone()
        return cls(os.environ, home, platform.system(), platform.python_version(), size, encoding, now, given)


Check = Callable[[Surroundings], Verdict]


def examine(around: Surroundings, checks: Sequence[tuple[str, Check]]) -> Iterator[Diagnosis]:
    """Yield a diagnosis for each of ``checks``, a topic and who looks at it, in their order."""
    for topic, check in checks:
        try:
            verdict = check(around)
        except AloopError as error:
            verdict = Verdict("fail", str(error))
        except OSError as error:
            verdict = Verdict("fail", f"{error.filename or 'it'} can not be looked at: {error.strerror or error}")
        yield Diagnosis(topic, verdict.level, verdict.text, verdict.advice)


def check_python(around: Surroundings) -> Verdict:
    text = f"{around.python} on {around.system}, {sys.executable}"
    if around.system not in {"Linux", "Darwin"}:
        return Verdict("warn", text, "aloop is tested on Linux and macOS alone; on Windows, use WSL.")
    return Verdict("ok", text)


def check_terminal(around: Surroundings) -> Verdict:
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


def check_letters(around: Surroundings) -> Verdict:
    if around.encoding.lower().replace("-", "") == "utf8":
        return Verdict("ok", "UTF-8")
    advice = "Other letters show as question marks; set LANG to a locale with UTF-8, such as C.UTF-8."
    return Verdict("warn", around.encoding, advice)


def check_key(around: Surroundings) -> Verdict:
    if has_credentials(around.env):
        return Verdict("ok", "there is one for Claude; whether it is accepted, the first question tells")
    return Verdict(
        "warn", "there is none: the local model answers, or an offline demo", "For Claude, set ANTHROPIC_API_KEY."
    )


def check_config(around: Surroundings) -> Verdict:
    path = config_path(around.env, around.home)
    if not path.exists():
        return Verdict("ok", f"no {path}, and none is needed")
    try:
        read_config_file(path)
    except AloopError as error:
        return Verdict("fail", str(error), "Mend the file, or move it away.")
    return Verdict("ok", str(path))


def check_clock(around: Surroundings) -> Verdict:
    text = f"{around.now:%Y-%m-%d %H:%M %z}"
    if around.now.year < _WRITTEN:
        return Verdict("fail", text, "This lies in the past. Set the clock: sessions are sorted by it.")
    return Verdict("ok", text)


def check_editor(around: Surroundings) -> Verdict:
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
