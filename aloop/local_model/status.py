"""The status of the local model, for ``aloop local`` and ``aloop doctor``."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.config.settings import Settings
from aloop.config.values import LOCAL_MODEL
from aloop.errors import LocalModelError
from aloop.formatting import display_path
from aloop.local_model.diagnostics import explain_damage
from aloop.local_model.installer import require_prerequisites
from aloop.local_model.models import BUNDLED, InstallPaths, choose_model, find_model, size_of
from aloop.local_model.packages import find_damage, packages_for

State = Literal["installed", "outdated", "absent", "unsupported"]


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """The state of the installation.

    ``sentence`` describes it for the user. ``folder`` is the folder of the installation, existing or not, ``size`` its
    size in bytes, and ``versions`` the installed version of each package. ``file`` is the GGUF file of
    ``--model local``. ``fault`` is the reason why it cannot be run although the packages are installed, or empty.
    """

    state: State
    sentence: str
    folder: Path
    file: Path | None
    fault: str
    size: int
    versions: dict[str, str]


def local_status(settings: Settings) -> LocalStatus:
    """Return the status as found on the disk; nothing is started or downloaded."""
    paths = InstallPaths(settings.data_dir)
    size, versions = size_of(paths.folder), _versions(paths)
    state, sentence = _judge(paths, versions, size)
    fault = _fault(settings) if paths.is_installed else ""
    if fault:
        sentence += f" {fault}"
    elif state == "installed":
        sentence += f" `aloop --model local` uses {settings.local_model or 'it'}."
    return LocalStatus(state, sentence, paths.folder, _file(settings), fault, size, versions)


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


def _judge(paths: InstallPaths, versions: dict[str, str], size: int) -> tuple[State, str]:
    try:
        wanted = {package.name: package.version for package in packages_for()}
    except LocalModelError as error:
        return "unsupported", str(error)
    if not paths.is_installed:
        try:
            require_prerequisites(paths)
        except LocalModelError as error:
            return "absent", f"The local model is not installed. {error}"
        return "absent", "The local model is not installed. Run `aloop local install` to install it."
    installed = f"{BUNDLED} is installed ({size / 1e6:,.0f} MB in {display_path(paths.folder)})"
    if versions != wanted or not paths.weights.is_file():
        return "outdated", f"{installed}, but its version is out of date. Run `aloop local install` to update it."
    return "installed", f"{installed}."


def _versions(paths: InstallPaths) -> dict[str, str]:
    try:
        found = json.loads(paths.manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else {}
