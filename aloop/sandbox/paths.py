"""Folders that commands in the sandbox may change, and paths that they may not.

Protected is what programs outside the sandbox run or obey without being told to: hooks and settings of git, startup
files of shells, settings of editors and agents, aloop itself, and its settings and sessions.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aloop.config.config_file import read_config_file
from aloop.config.user_folders import config_path, settings_folder, state_dir
from aloop.config.values import SandboxSettings
from aloop.formatting import home_folder
from aloop.project import GUARDED, project_root
from aloop.regular_file import read_regular

BLANKS = (".git", ".aloop")
"""Names in the working directory that commands may not create either."""

# Settings of editors and agents, which may name programs to run.
_TOOLS = frozenset(
    {".vscode", ".idea", ".zed", ".cursor", ".agents", ".claude", ".codex", ".gemini", ".mcp.json", ".gitmodules"}
)
# Below the home directory: startup files of shells and programs, keys, and folders from which programs are started.
_START_UP = (
    *(".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".inputrc", ".login"),
    *(".zshenv", ".zprofile", ".zshrc", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc", ".pam_environment"),
    *(".xprofile", ".xinitrc", ".xsession", ".xsessionrc", ".tmux.conf", ".screenrc"),
    *(".gitconfig", ".hgrc", ".netrc", ".npmrc", ".pypirc", ".vimrc", ".vim", ".emacs", ".emacs.d", ".ssh", ".gnupg"),
    *(".config/git", ".config/hg", ".config/fish", ".config/zsh", ".config/tmux", ".config/nvim", ".config/systemd"),
    *(".config/autostart", ".config/environment.d", ".config/anthropic", ".local/share/applications"),
    *("bin", ".local/bin", "Library/LaunchAgents"),
)
_MOST_SUBMODULES = 200
_LARGEST_CONFIG = 1_000_000
_HOOKS = re.compile(r'^\s*hookspath\s*=\s*"?(.+?)"?\s*$', re.MULTILINE | re.IGNORECASE)
_REPOSITORY = re.compile(r"^gitdir: (.+?)\s*$", re.MULTILINE)
_MOST_LINKS = 40  # on the way to a file, as in the kernel


@dataclass(frozen=True, slots=True)
class Layout:
    """Real paths, each parent before what is in it.

    ``writable`` are folders that may be changed, except for ``kept``, which exist. ``pinned`` are folders between them,
    which may be changed but not renamed. ``blanks`` do not exist, or are empty folders, and must stay so.
    """

    writable: tuple[Path, ...]
    kept: tuple[Path, ...]
    pinned: tuple[Path, ...]
    blanks: tuple[Path, ...]


def find_layout(folder: Path, settings: SandboxSettings, home: Path) -> Layout:
    """Return the layout for commands that run in ``folder``, as the disk is now.

    A working directory that contains the home directory, or that is itself protected, may not be changed at all.
    Raises OSError.
    """
    here, home = _real(folder), _real(home)
    project = project_root(here)
    own = {_real(path) for path in (*_of_aloop(settings), *(home / name for name in _START_UP))}
    # Commands have no influence on these, so that they cannot choose which folders between are opened for writing.
    own.update((*_modules(project), *_git_folders(project)))
    roots = {_real(path) for path in settings.writable}
    if not home.is_relative_to(here):
        roots.add(here)
    roots = {root for root in roots if root.is_dir() and not _is_protected(root, own)}
    own = {path for path in own if _is_below_any(path, roots)}
    blanks = {_first_missing(path) for path in own if not os.path.lexists(path)}
    blanks.update(here / name for name in BLANKS if here in roots and _is_blank(here / name))
    # An empty folder in place of a startup file would disturb the shells of the user.
    blanks = {path for path in blanks if path.parent != home and os.access(path.parent, os.W_OK)}
    own = blanks | {path for path in own if path.exists()}
    kept = {path for root in roots for path in _named(root)}
    kept.update(path for path in _of_project(project) if _is_below_any(path, roots))
    pinned = {
        parent
        for path in own
        for root in roots
        if path.is_relative_to(root)
        for parent in path.parents
        if parent != root and parent.is_relative_to(root) and not _is_below_any(parent, own)
    }
    return Layout(_sorted(roots), _sorted((own | kept) - blanks), _sorted(pinned - roots), _sorted(blanks))


def hidden_folders(home: Path, used: Iterable[Path]) -> tuple[Path, ...]:
    """Return folders with credentials of aloop and of the desktop session.

    Those that contain a folder in ``used`` are left out.
    """
    env = os.environ
    folders = (
        Path(env.get("ANTHROPIC_CONFIG_DIR") or home / ".config" / "anthropic"),
        Path(env.get("XDG_DATA_HOME") or home / ".local" / "share") / "python_keyring",
        Path(env.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"),
    )
    reals = filter(Path.is_dir, map(_real, folders))
    return tuple(real for real in reals if not any(_real(path).is_relative_to(real) for path in (home, *used)))


def writable_folders(folder: Path, others: Iterable[Path] = ()) -> list[Path]:
    """Return the folders in which commands in the sandbox can leave programs.

    A working directory ``folder`` that contains the home directory is not one of them.
    """
    is_writable = not _real(home_folder()).is_relative_to(_real(folder))
    return [*([folder] if is_writable else []), *others]


def find_program(name: str, writable: Iterable[Path], env: Mapping[str, str] | None = None) -> str | None:
    """Return the path of the first program in ``PATH`` that commands cannot replace.

    It does not depend on the working directory, and no part of the way to it, links included, is in a ``writable``
    folder. ``env`` has the ``PATH``; without it, that of this process is used.
    """
    folders = [_real(path) for path in writable]
    for folder in os.get_exec_path(env):
        found = shutil.which(name, path=folder) if folder.startswith("/") else None
        if found and not any(_is_below_any(step, folders) for step in _way(Path(found))):
            return found
    return None


def find_user_program(name: str, env: Mapping[str, str] | None = None) -> str | None:
    """Return the path of a program that the user wants to run.

    A name without a folder is not looked up where commands in the sandbox can leave programs; a path is the user's
    choice. Raises UsageError if the settings, which name such folders, cannot be read.
    """
    if "/" in name:
        return shutil.which(name)
    others = read_config_file(config_path(os.environ, home_folder())).get("sandbox_write", ())
    try:
        here = Path.cwd()
    except FileNotFoundError:  # removed since
        return find_program(name, others, env)
    return find_program(name, writable_folders(here, others), env)


def _way(path: Path) -> Iterator[Path]:
    """Yield each folder and link that leads to an absolute path, and the file itself."""
    here, names, links = Path("/"), [*path.parts[:0:-1]], 0
    while names:
        name = names.pop()
        if name == "..":
            here = here.parent
            continue
        step = here / name
        yield step
        if step.is_symlink() and links < _MOST_LINKS:
            links += 1
            target = step.readlink()
            here = Path("/") if target.is_absolute() else here
            names += [part for part in reversed(target.parts) if part != "/"]
        else:
            here = step


def _of_aloop(settings: SandboxSettings) -> Iterator[Path]:
    """Yield aloop's settings, state and program, which includes this interpreter."""
    yield from (settings_folder(), state_dir() / "aloop", *settings.kept)
    yield from (Path(sys.executable).parent, Path(os.__file__).parent)
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix)  # a virtual environment
    package = Path(__file__).parents[1]
    is_installed = package.parent.name in {"site-packages", "dist-packages"}
    yield from [package.parent] if is_installed else (package.with_name(name) for name in ("aloop", "commands", "repl"))


def _named(root: Path) -> Iterator[Path]:
    with os.scandir(root) as entries:
        for entry in entries:
            name = entry.name.casefold()
            if not (name in GUARDED or name in _TOOLS):
                continue
            if name in GUARDED and entry.is_symlink():
                # A command could put a repository in its place, because nothing can be mounted on a link.
                raise OSError(f"{entry.path} is a link, which cannot be protected; replace it with its target")
            real = _real(entry.path)
            if os.path.lexists(real) and not real.is_symlink() and _is_below_any(real, (root,)):
                yield real


def _modules(root: Path) -> Iterator[Path]:
    """Yield the ``.git`` of each submodule that git has set up."""
    waiting = [root / ".git" / "modules"]
    while waiting:
        folder = waiting.pop()
        for text in re.findall(r"^\s*worktree\s*=\s*(.+?)\s*$", _text(folder / "config"), re.MULTILINE):
            yield _no_link(_real(folder / text) / ".git")
            folder /= "modules"  # those of the submodule
        if folder.is_dir():
            waiting += [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]


def _git_folders(root: Path) -> Iterator[Path]:
    """Yield the folders of a project in which git looks for hooks and its repository."""
    for pattern, file in ((_HOOKS, root / ".git" / "config"), (_REPOSITORY, root / ".git")):
        for text in pattern.findall(_text(file)):
            yield from _first_folder(root, text)


def _of_project(root: Path) -> Iterator[Path]:
    """Yield other paths from which git may run programs.

    They are submodules that are not set up, in which git would run what is in a repository put there.
    """
    for text in re.findall(r"^\s*path\s*=\s*(.+?)\s*$", _text(root / ".gitmodules"), re.MULTILINE)[:_MOST_SUBMODULES]:
        try:
            yield from _of_module(root / text)
        except PermissionError:
            yield from filter(os.path.isdir, _first_folder(root, text))
        except OSError:
            continue  # no folder has such a name


def _of_module(module: Path) -> Iterator[Path]:
    if _real(module) == module and module.is_dir():
        if os.path.exists(module / ".git"):  # noqa: PTH110 - Path.exists raises for some links
            yield _no_link(module / ".git")
        elif os.path.lexists(module / ".git") or not any(module.iterdir()):
            yield module


def _no_link(path: Path) -> Path:
    """Return the folder of a link, which itself cannot be protected, or ``path``."""
    return path.parent if os.path.islink(path) else path  # noqa: PTH114 - Path.is_symlink raises for some names


def _first_folder(root: Path, text: str) -> Iterator[Path]:
    """Yield the folder in ``root`` that a path begins with, or ``root`` itself."""
    path = Path(os.path.normpath(root / os.path.expanduser(text)))  # noqa: PTH111 - Path.expanduser raises
    if path.is_relative_to(root):
        yield _no_link(root.joinpath(*path.relative_to(root).parts[:1]))


def _text(path: Path) -> str:
    try:
        # No path has a NUL.
        return read_regular(path, _LARGEST_CONFIG).decode(errors="surrogateescape").replace("\0", "\n")
    except OSError:
        return ""  # there is none, or git cannot read it either


def _is_protected(path: Path, protected: Iterable[Path]) -> bool:
    return _is_below_any(path, protected) or any(part.casefold() in GUARDED for part in path.parts)


def _is_below_any(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _first_missing(path: Path) -> Path:
    """Return the first part of a path that does not exist."""
    while not os.path.lexists(path.parent):
        path = path.parent
    return path


def _is_blank(path: Path) -> bool:
    if not os.path.lexists(path):
        return True
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _sorted(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(paths, key=lambda path: path.parts))


def _real(path: Path | str) -> Path:
    return Path(os.path.realpath(path))


def ordered(*groups: Sequence[Path]) -> list[tuple[Path, int]]:
    """Return paths with the number of their group, parents first.

    A path in several groups is in the order of the groups.
    """
    pairs = [(path, number) for number, group in enumerate(groups) for path in group]
    return sorted(pairs, key=lambda pair: (pair[0].parts, pair[1]))
