"""What there is of the local model, for whoever asks: the command line, or a doctor."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.config import LOCAL_MODEL, Settings
from aloop.errors import LocalModelError
from aloop.local_model.diagnostics import explain_damage
from aloop.local_model.installer import require_prerequisites
from aloop.local_model.models import BUNDLED, InstallPaths, choose_model, find_model, shown, size_of
from aloop.local_model.packages import find_damage, packages_for

State = Literal["installed", "outdated", "absent", "unsupported"]


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """``folder`` is where it is, or would be; ``size`` in bytes; ``versions`` by package, as they are installed.

    ``sentence`` says all of it to a person, and what to do. ``file`` is the GGUF file that ``--model local`` runs;
    ``fault`` is why it does not although the packages are installed, empty where it does.
    """

    state: State
    sentence: str
    folder: Path
    file: Path | None
    fault: str
    size: int
    versions: dict[str, str]


def local_status(settings: Settings) -> LocalStatus:
    """Look at what is on the disk; nothing is started, and nothing fetched."""
    place = InstallPaths(settings.data_dir)
    size, versions = size_of(place.folder), _versions(place)
    state, sentence = _judge(place, versions, size)
    fault = _fault(settings) if place.is_installed else ""
    if fault:
        sentence += f" {fault}"
    elif state == "installed":
        sentence += f" `aloop --model local` talks with {settings.local_model or 'it'}."
    return LocalStatus(state, sentence, place.folder, _file(settings), fault, size, versions)


def _file(settings: Settings) -> Path | None:
    with suppress(LocalModelError):
        return choose_model(LOCAL_MODEL, settings).file
    return None


def _fault(settings: Settings) -> str:
    try:
        find_model(LOCAL_MODEL, settings)
    except LocalModelError as error:
        return str(error)
    damaged = find_damage(InstallPaths(settings.data_dir).site)
    return explain_damage(damaged) if damaged else ""


def _judge(place: InstallPaths, versions: dict[str, str], size: int) -> tuple[State, str]:
    try:
        wanted = {parcel.name: parcel.version for parcel in packages_for()}
    except LocalModelError as error:
        return "unsupported", str(error)
    if not place.is_installed:
        try:
            require_prerequisites(place)
        except LocalModelError as error:
            return "absent", f"The local model is not installed. {error}"
        return "absent", "The local model is not installed; `aloop local install` fetches it."
    there = f"{BUNDLED} is installed ({size / 1e6:,.0f} MB, in {shown(place.folder)})"
    if versions != wanted or not place.weights.is_file():
        return "outdated", f"{there}, but not as this aloop knows it; `aloop local install` fetches that."
    return "installed", f"{there}."


def _versions(place: InstallPaths) -> dict[str, str]:
    try:
        found = json.loads(place.manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else {}
