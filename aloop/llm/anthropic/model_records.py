"""Read the records in which servers describe their models.

Only the Anthropic API promises their fields. Other servers leave some out, or give them other values, such as a list of
words as ``capabilities``. A value of the wrong type counts as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aloop.config.values import EFFORTS
from aloop.llm.anthropic.accumulator import MOST_TOKENS
from aloop.llm.anthropic.server_profile import may_think_adaptively
from aloop.llm.models.limits import ModelLimits


def limits_of(body: bytes, model: str, now: float) -> ModelLimits | None:
    """Return the limits in the record of ``model``, None if it is not a record.

    Raises ValueError for invalid JSON.
    """
    record = _parsed(body)
    if not isinstance(record, Mapping):
        return None
    thinks = _find(record, "capabilities", "thinking", "types", "adaptive", "supported")
    return ModelLimits(
        _tokens(record, "max_input_tokens"),
        _tokens(record, "max_tokens"),
        _efforts(record),
        adaptive_thinking=thinks if isinstance(thinks, bool) else may_think_adaptively(model),
        asked_at=now,
    )


def windows_of(body: bytes) -> dict[str, int] | None:
    """Return the window in tokens of each model in a list, None if it is not a list.

    The window is 0 if unknown. Raises ValueError for invalid JSON.
    """
    records = _find(_parsed(body), "data")
    if not isinstance(records, list):
        return None
    named = ((_find(record, "id"), _tokens(record, "max_input_tokens")) for record in records)
    return {name: window for name, window in named if isinstance(name, str) and name}


def _efforts(record: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the effort levels that a model supports, None if they are unknown."""
    effort = _find(record, "capabilities", "effort")
    named = tuple(level for level in EFFORTS if _find(effort, level, "supported") is True)
    return named if named or _find(effort, "supported") is False else None


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _find(value: object, *keys: str) -> object:
    """Return what ``keys`` lead to, None if that is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _tokens(record: object, key: str) -> int:
    count = _find(record, key)
    if not isinstance(count, int) or isinstance(count, bool):
        return 0
    return count if 0 < count <= MOST_TOKENS else 0
