"""Safe access to JSON of other programs, in which any value can have any type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any

_MILLISECONDS = 1e11
"""Numbers above this are times in milliseconds: in seconds it is the year 5138."""
_MAX_SECONDS = 253_402_300_799  # the last second of the year 9999
_NUMBERS = (int, float)


def mapping(value: object) -> Mapping[str, Any]:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return ``value`` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [each for each in items(value) if isinstance(each, dict)]


def text(value: object) -> str:
    """Return ``value`` if it is text, a number as its digits, anything else as empty."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else ""


def number(value: object) -> int:
    """Return a number of tokens, or 0."""
    is_number = isinstance(value, _NUMBERS) and not isinstance(value, bool)
    return max(int(value), 0) if is_number and value == value and abs(value) < 1e15 else 0  # type: ignore[call-overload,arg-type] # checked in the line above


def json_text(value: object) -> str:
    """Return ``value`` as JSON; text stays as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def arguments_text(value: object) -> str:
    """Return the arguments of a call as JSON text; none is an empty object."""
    return "{}" if value is None or value == "" else json_text(value)


def moment(value: object) -> datetime | None:
    """Return a time: ISO 8601, or seconds or milliseconds since 1970."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        if not MINYEAR < found.year < MAXYEAR:  # another time zone could exceed the limits of datetime
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    if not isinstance(value, _NUMBERS) or isinstance(value, bool) or not abs(value) < _MAX_SECONDS * 1000:
        return None
    seconds = value / 1000 if abs(value) > _MILLISECONDS else value
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _MAX_SECONDS else None


def joined(texts: Iterable[str], separator: str = "\n\n") -> str:
    """Return the texts that are not empty, joined."""
    return separator.join(filter(None, texts))


def exported_from(record: Mapping[str, Any]) -> str:
    """Return the ID of the session that aloop exported as a record, or an empty text."""
    return text(own_facts(record).get("session"))


def own_facts(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an export of aloop has in a record only for aloop."""
    return mapping(record.get("aloop"))
