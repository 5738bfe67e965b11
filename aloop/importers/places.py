"""The folders in which each tool keeps its conversations."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aloop.export.tools.folders import claude_slug, pi_slug
from aloop.formatting import expand_home, home_folder
from aloop.importers.values import mapping
from aloop.memory.sessions_dir.registry import project_of
from aloop.text import clean_text

_WILD = re.compile(r"[*?\[]")
_OnError = Callable[[OSError], None]
_KIMI_FILES = ("context*.jsonl", "subagents/*/context.jsonl")


@dataclass(frozen=True, slots=True)
class Place:
    """Files of a tool: those below ``root`` that match a pattern.

    ``here`` are the patterns for the sessions of one folder; None if the paths of the files do not show it, so that
    each file has to be searched. ``is_shared`` is True if the tool does not record folders at all.
    """

    root: Path
    patterns: tuple[str, ...]
    here: Callable[[Path], tuple[str, ...]] | None = None
    is_shared: bool = False


def _home(variable: str, default: str) -> Path:
    return expand_home(os.environ.get(variable) or home_folder() / default)


def _data() -> Path:
    return _home("XDG_DATA_HOME", ".local/share")


def _config() -> Path:
    return _home("XDG_CONFIG_HOME", ".config")


def as_noted(folder: Path | str) -> str:
    """Return the path of a folder as other tools record it.

    In a name that is not UTF-8, they replace what cannot be decoded.
    """
    return clean_text(str(folder))


def kimi_slug(folder: Path | str) -> str:
    """Return the name of the folder that kimi-cli makes for a project."""
    return hashlib.md5(as_noted(folder).encode(), usedforsecurity=False).hexdigest()


def _gemini_names(folder: Path) -> tuple[str, ...]:
    names = [hashlib.sha256(as_noted(folder).encode()).hexdigest()]
    try:
        known = json.loads((home_folder() / ".gemini/projects.json").read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    slug = mapping(mapping(known).get("projects")).get(as_noted(folder))
    if isinstance(slug, str) and slug and "/" not in slug:
        names.append(slug)
    return tuple(f"{name}/chats/*.json*" for name in names)


def _editor_tasks(extension: str) -> Iterator[Place]:
    bases = [_config() / "Code", _config() / "VSCodium", _config() / "Cursor", home_folder() / ".vscode-server/data"]
    bases.append(home_folder() / "Library/Application Support/Code")
    for base in bases:
        root = base / "User/globalStorage" / extension / "tasks"
        yield Place(root, ("*/api_conversation_history.json",))


def places_of(tool: str, folder: Path) -> list[Place]:
    """Return the places of a tool; some keep their files in the project ``folder``."""
    home = home_folder()
    match tool:
        case "claude-code":
            root = _home("CLAUDE_CONFIG_DIR", ".claude") / "projects"
            return [Place(root, ("**/*.jsonl",), lambda here: (f"{claude_slug(str(here))}/**/*.jsonl",))]
        case "codex":
            root = _home("CODEX_HOME", ".codex")
            return [Place(root, ("sessions/**/rollout-*.jsonl*", "archived_sessions/**/rollout-*.jsonl*"))]
        case "pi":
            return [
                Place(
                    _home("PI_CODING_AGENT_DIR", ".pi/agent") / "sessions",
                    ("*/*.jsonl",),
                    lambda here: (f"{glob.escape(pi_slug(as_noted(here)))}/*.jsonl",),
                )
            ]
        case "opencode":
            root = _data() / "opencode"
            return [Place(root, ("opencode.db", "storage/session/*/*.json"))]
        case "gemini-cli":
            return [Place(home / ".gemini/tmp", ("*/chats/*.json*", "*/checkpoint-*.json"), _gemini_names)]
        case "cline":
            new = Place(home / ".cline/data/sessions", ("*/*.messages.json",))
            old = Place(home / ".cline/data/tasks", ("*/api_conversation_history.json",))
            return [new, old, *_editor_tasks("saoudrizwan.claude-dev"), *_editor_tasks("rooveterinaryinc.roo-cline")]
        case "kimi":
            return [
                Place(
                    _home("KIMI_SHARE_DIR", ".kimi") / "sessions",
                    tuple(f"*/*/{rest}" for rest in _KIMI_FILES),
                    lambda here: tuple(f"{kimi_slug(here)}/*/{rest}" for rest in _KIMI_FILES),
                ),
                Place(home / ".kimi-code/sessions", ("*/*/agents/*/wire.jsonl",)),
            ]
        case "mistral-vibe":
            return [Place(home / ".vibe/logs/session", ("*/messages.jsonl", "session_*.json", "unified/*/CURRENT"))]
        case "aider":
            return [Place(folder, (".aider.chat.history.md",), is_shared=True)]
        case "llm":
            roots = (
                _home("LLM_USER_PATH", ".config/io.datasette.llm"),
                home / "Library/Application Support/io.datasette.llm",
            )
            return [Place(root, ("logs.db",), is_shared=True) for root in roots]
        case "goose":
            return [Place(_data() / "goose/sessions", ("sessions.db", "*.jsonl"))]
        case "crush":
            return [Place(folder / ".crush", ("crush.db",), is_shared=True)]
    return []


def files_of(
    tool: str, folder: Path, *, everywhere: bool = False, on_error: _OnError = lambda _error: None
) -> list[Path]:
    """Return the files in which a tool keeps conversations of ``folder``, or of all.

    They may also hold others, unless the paths show it. ``on_error`` is called for each folder that cannot be read.
    """
    found: dict[Path, None] = {}
    for place in places_of(tool, folder):
        patterns = place.patterns if everywhere or place.here is None else place.here(folder)
        for pattern in patterns:
            found.update(dict.fromkeys(sorted(_matches(place.root, pattern.split("/"), on_error))))
    return list(found)


def _matches(folder: Path, parts: list[str], on_error: _OnError) -> Iterator[Path]:
    """Yield the files below ``folder`` that match the parts of a pattern.

    ``Path.glob`` does not report which folders cannot be read.
    """
    first, *rest = parts
    if first == "**":
        yield from _matches(folder, rest, on_error)
    for path in _entries(folder, first, on_error):
        mode = _mode(path, on_error)
        if first == "**":
            if stat.S_ISDIR(mode) and not path.is_symlink():
                yield from _matches(path, parts, on_error)
        elif stat.S_ISDIR(mode) and rest:
            yield from _matches(path, rest, on_error)
        elif stat.S_ISREG(mode) and not rest:
            yield path


def _entries(folder: Path, pattern: str, on_error: _OnError) -> list[Path]:
    if not _WILD.search(pattern):
        return [folder / pattern]
    try:
        paths = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []  # the tool may have removed it
    except OSError as error:
        on_error(error)
        return []
    return [path for path in paths if pattern == "**" or fnmatch.fnmatchcase(path.name, pattern)]


def _mode(path: Path, on_error: _OnError) -> int:
    """Return the type of a path; 0 if it is gone."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        on_error(error)
        return 0


def folders_here(sessions_dir: Path) -> tuple[Path, ...]:
    """Return the folders whose sessions are for this project.

    These are the working directory, and above it the project whose sessions aloop uses.
    """
    here, project = Path.cwd(), project_of(sessions_dir)
    return (here, project) if project != here and here.is_relative_to(project) else (here,)


def notes_folders(tool: str) -> bool:
    """Return True if a tool records in which folder a conversation took place."""
    return not any(place.is_shared for place in places_of(tool, Path())) and bool(places_of(tool, Path()))


def is_here(tool: str, cwd: str, folder: Path) -> bool:
    """Return True if a session in ``cwd`` is one of the sessions for ``folder``."""
    noted = as_noted(folder)
    if not cwd or cwd in (str(folder), noted):
        return True
    # The path of the file names the folder. The working directory may have changed to a folder below since.
    is_told = any(place.here for place in places_of(tool, folder))
    return is_told and cwd.startswith(f"{noted.rstrip('/')}/")
