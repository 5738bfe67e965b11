"""Names of models: of the SDK, of endpoints, aliases, and suggestions.

The SDK takes more than a second to import, so the list is read from its source file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from aloop.config.values import LOCAL_MODEL, OFFLINE_MODEL
from aloop.llm.models.limits import read_cache, write_cache
from aloop.text import closest_match

_LISTS = "model-lists.json"
_MOST_LISTED = 1000
LINES = ("fable", "mythos", "opus", "sonnet", "haiku")
"""Model lines that work as an alias for their newest model."""


@cache
def sdk_models() -> tuple[str, ...]:
    """Return the models that the SDK names, newest first; none if it cannot be read."""
    spec = find_spec("anthropic")
    if spec is None or spec.origin is None:
        return ()
    try:
        source = Path(spec.origin).with_name("types").joinpath("model.py").read_text(encoding="utf-8")
    except OSError:
        return ()
    literal = re.search(r"Literal\[(.*?)\]", source, re.S)
    return tuple(re.findall(r'"([^"]+)"', literal[1])) if literal else ()


def listed_models(state_folder: Path) -> tuple[str, ...]:
    """Return the models that servers listed when they were asked last."""
    lists = read_cache(state_folder / _LISTS).values()
    return tuple(str(name) for names in lists if isinstance(names, list) for name in names)


def store_listed(state_folder: Path, endpoint: str, names: Iterable[str], known: Collection[str]) -> None:
    """Store the models that ``endpoint`` lists.

    Endpoints that are not ``known`` are forgotten. ``endpoint`` is empty for the API. The names include the endpoint.
    """
    lists = {name: names for name, names in read_cache(state_folder / _LISTS).items() if not name or name in known}
    listed = list(names)[:_MOST_LISTED]
    if lists.get(endpoint) != listed:
        write_cache(state_folder / _LISTS, lists | {endpoint: listed})


def resolve_alias(name: str, models: Sequence[str] | None = None) -> str:
    """Return the newest model of the line that ``name`` is, or ``name`` itself."""
    if name.lower() not in LINES:
        return name
    known = sdk_models() if models is None else models
    matching = (model for model in known if re.match(rf"claude-{name.lower()}-\d", model))
    return next(matching, name)


def known_models() -> tuple[str, ...]:
    """Return the aliases, the models of the SDK, and those that need no key."""
    return (*(line for line in LINES if resolve_alias(line) != line), *sdk_models(), LOCAL_MODEL, OFFLINE_MODEL)


def closest_model(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None."""
    names = [*known, *LINES]
    if near := closest_match(name, names):
        return near
    # "5-5" is not a model, but a part of one.
    return next((candidate for candidate in names if len(name) > 3 and name.lower() in candidate.lower()), None)
