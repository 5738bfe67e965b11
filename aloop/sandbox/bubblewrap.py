"""The arguments of bubblewrap, which runs a command in namespaces of Linux."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from aloop.formatting import home_folder
from aloop.sandbox.paths import Layout, ordered

TEMPORARY = Path("/tmp")  # noqa: S108 - in the sandbox, a private folder is there

_NAMESPACES = (
    "--die-with-parent",
    "--new-session",
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)


def bubblewrap_arguments(
    folder: Path, layout: Layout, temporary: Path, hidden: Iterable[Path], *, has_network: bool
) -> list[str]:
    """Return the options that put a command into the sandbox.

    Everything can be read, except for ``hidden`` folders, ``/tmp`` and devices. ``temporary`` becomes ``/tmp``, unless
    commands may change that anyway. There, the folders around the working directory and around programs stay visible.
    """
    options = [*_NAMESPACES, *([] if has_network else ["--unshare-net"])]
    if os.getuid() == 0:
        # The kernel lets root change its settings there, even without privileges.
        options += ["--remount-ro", "/proc"]
    if TEMPORARY not in layout.writable:
        options += ["--bind", str(temporary), str(TEMPORARY)]
        near = [folder, *layout.writable, *map(Path, os.get_exec_path()), Path(sys.prefix), home_folder()]
        for entry in dict.fromkeys(filter(None, map(_below_temporary, near))):
            options += ["--ro-bind-try", str(entry), str(entry)]
    binds = {0: "--bind", 1: "--bind", 2: "--ro-bind", 3: "--ro-bind"}
    for path, group in ordered(layout.writable, layout.pinned, layout.kept, layout.blanks):
        options += [binds[group], str(path), str(path)]
    for path in hidden:
        options += ["--tmpfs", str(path)]
    return [*options, "--chdir", str(folder)]


def _below_temporary(path: Path) -> Path | None:
    """Return the entry of /tmp that ``path`` is in."""
    parts = Path(os.path.realpath(path)).parts
    return TEMPORARY / parts[2] if len(parts) > 2 and Path(*parts[:2]) == TEMPORARY else None
