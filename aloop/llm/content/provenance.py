"""When a message was made, what it cost, and who permitted a tool call.

People may write anything into these keys of a session file. A value that cannot be read is kept among the unknown keys
of the message, so it costs neither the message nor itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime, timezone
from decimal import Decimal
from typing import Any

from aloop.llm.json_values import JsonObject, Plain, digest_of_bytes
from aloop.text import clean_text

_COST = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?")
_COST_STEP = Decimal("1e-10")  # less than the price of one token
_MAX_COST = Decimal(10**9)
_MAX_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Permission:
    """The decision about a tool call, and who has made it.

    ``answer`` is ``once``, ``session``, ``allowed`` or ``refused``; ``by`` is ``user`` or ``rule``. ``reason`` is the
    text of the rule, or the reason of a refusal.
    """

    answer: str
    by: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        _clean(self)


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that a tool call changed, with digests of its contents.

    ``before`` is empty for a new file, ``after`` for one that was removed.
    """

    path: str
    before: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        _clean(self)


def _clean(record: Permission | FileChange) -> None:
    for name in record.__slots__:
        object.__setattr__(record, name, clean_text(getattr(record, name)))


def short_digest(data: bytes | None) -> str:
    """Return the start of the SHA-256 of a file's contents; empty without a file."""
    return "" if data is None else f"sha256:{digest_of_bytes(data)}"


def parse_time(text: str) -> datetime | None:
    """Return an ISO 8601 time, taking a naive one as local time; None if invalid."""
    try:
        moment = _within_limits(datetime.fromisoformat(text))
        return moment if moment is None or moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def present_time() -> datetime:
    """Return the time now, to the millisecond, in the local zone."""
    now = datetime.now().astimezone()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def storable_time(moment: datetime) -> datetime | None:
    """Return a time with its zone, as it is read back; None if no file can hold it."""
    if type(moment.tzinfo) is timezone:
        return _within_limits(moment)
    return parse_time(moment.isoformat())


def _within_limits(moment: datetime) -> datetime | None:
    """Return the time, or None if another zone could exceed the limits."""
    return moment if MINYEAR < moment.year < MAXYEAR else None


def storable_cost(dollars: Decimal) -> Decimal | None:
    """Return an amount as it is read back; None if it is not an amount."""
    if not dollars.is_finite() or not 0 <= dollars < _MAX_COST:
        return None
    rounded = dollars.quantize(_COST_STEP).normalize()
    return rounded if rounded else Decimal(0)


def storable_duration(milliseconds: int) -> int | None:
    """Return a number of milliseconds that a file can hold, or None."""
    return milliseconds if 0 <= milliseconds < 10**_MAX_DIGITS else None


def _read_time(value: Any) -> datetime | None:
    return parse_time(value) if isinstance(value, str) else None


def _read_cost(value: Any) -> Decimal | None:
    return storable_cost(Decimal(value)) if isinstance(value, str) and _COST.fullmatch(value) else None


def _read_duration(value: Any) -> int | None:
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    return int(value) if is_number else None


def _read_permission(value: Any) -> Permission | None:
    texts = _texts(value, ("answer", "by", "reason"))
    return Permission(**texts) if texts else None


def _read_changes(value: Any) -> tuple[FileChange, ...] | None:
    if not isinstance(value, tuple):
        return None
    changes = [_texts(each, ("path", "before", "after")) for each in value]
    return tuple(FileChange(**texts) for texts in changes if texts) if all(changes) else None


def _texts(value: Any, names: tuple[str, ...]) -> dict[str, str] | None:
    """Return a mapping of texts with its first name present; None for anything else."""
    if not isinstance(value, JsonObject):
        return None
    texts = {key: text for key, text in value.frozen().items() if not _is_null(text)}
    if names[0] not in texts or not texts.keys() <= set(names):
        return None
    return {key: str(text) for key, text in texts.items()} if all(map(_is_text, texts.values())) else None


def _is_null(value: Any) -> bool:
    return isinstance(value, Plain) and value in ("", "~", "null")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "at": _read_time,
    "cost": _read_cost,
    "duration_ms": _read_duration,
    "permission": _read_permission,
    "files": _read_changes,
}
PROVENANCE_KEYS = frozenset(_READERS)


def read_provenance(key: str, value: Any) -> Any:
    """Return the field of a message for a frozen JSON value, or None if it is not one."""
    return _READERS[key](value)
