"""The limits of each model, as its server reports them, and their cache.

The cache is a JSON object of one object per server and model. It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

FILE_NAME = "models.json"
FRESH_SECONDS = 7 * 24 * 3600.0
"""Limits older than this are used, and asked for again beside the conversation."""
_MOST_MODELS = 500


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """``window`` and ``max_tokens`` in tokens.

    0 if unknown. ``efforts`` are the levels that the model supports, None if unknown. ``asked_at`` is seconds since the
    epoch.
    """

    window: int = 0
    max_tokens: int = 0
    efforts: tuple[str, ...] | None = None
    adaptive_thinking: bool = False
    asked_at: float = 0.0

    @property
    def is_known(self) -> bool:
        return bool(self.asked_at)

    def is_fresh(self, now: float | None = None) -> bool:
        """Return True if the limits are known and no older than ``FRESH_SECONDS``."""
        age = (time.time() if now is None else now) - self.asked_at
        return self.is_known and 0 <= age <= FRESH_SECONDS


class LimitsCache:
    """The limits that servers have reported, by server and model.

    Errors of the file are ignored: without the cache, the server is asked again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / FILE_NAME if folder else None

    def find(self, server: str, model: str) -> ModelLimits | None:
        """Return the limits last reported for ``model``, or None."""
        record = self._read().get(_key(server, model))
        return _parsed(record) if isinstance(record, dict) else None

    def store(self, server: str, model: str, limits: ModelLimits) -> None:
        """Write one model's limits, replacing the file atomically."""
        if self._path is None:
            return
        records = self._read()
        records.pop(_key(server, model), None)
        records[_key(server, model)] = asdict(limits)
        while len(records) > _MOST_MODELS:
            del records[next(iter(records))]
        write_cache(self._path, records)

    def _read(self) -> dict[str, Any]:
        return {} if self._path is None else read_cache(self._path)


def read_cache(path: Path) -> dict[str, Any]:
    """Return the records of a cache file, none if it cannot be read."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return records if isinstance(records, dict) else {}


def write_cache(path: Path, records: Mapping[str, Any]) -> None:
    """Replace a cache file atomically; an error only means that it stays as it is."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_text(json.dumps(records, indent=1), encoding="utf-8")
        temporary.replace(path)


def _key(server: str, model: str) -> str:
    return f"{server} {model}"


def _parsed(record: dict[str, Any]) -> ModelLimits | None:
    try:
        values = {field.name: record[field.name] for field in fields(ModelLimits) if field.name in record}
        if values.get("efforts") is not None:
            values["efforts"] = tuple(map(str, values["efforts"]))
        limits = ModelLimits(**values)
        numbers = (limits.window, limits.max_tokens, limits.asked_at)
        return limits if all(isinstance(number, int | float) and number >= 0 for number in numbers) else None
    except TypeError:
        return None
