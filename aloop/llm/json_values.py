"""JSON values as they are written: numbers keep their digits, objects their order.

The keys of a session file that aloop does not know are such values, and so are tool arguments that are written as YAML.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NoReturn

from aloop.text import clean_text

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "null": None, "true": True, "false": False}
_MAX_DIGITS = 4_000  # more are an error in Python's int()
MAX_DEPTH = 16
"""The greatest depth of a value that a program may store in ``extra``."""

DIGEST_LENGTH = 16
"""Hexadecimal digits. A digest detects a change; it protects nothing secret."""

_quoted = json.JSONEncoder(ensure_ascii=False).encode


class Plain(str):
    """A value without quotes: null, true, false, a number, or another word of YAML."""

    __slots__ = ()

    @property
    def is_json(self) -> bool:
        """False if JSON has no such word, so that it counts as text."""
        return self in _WORDS or _NUMBER.fullmatch(self) is not None


Value = "str | tuple[Value, ...] | JsonObject"
"""A ``Plain`` is a word or a number, any other string a text."""


class JsonObject(Mapping[str, Any]):
    """A read-only mapping of JSON values, which can be compared and hashed.

    Items are plain Python values: nested objects are dicts, lists are lists. A number that Python cannot hold, and a
    word that JSON does not have, are text. As in JSON, the order of the keys does not matter for equality.
    """

    __slots__ = ("_identity", "_values")
    _values: dict[str, Any]
    _identity: str | None

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        """Copy ``values``; raises TypeError, and ValueError if JSON does not have one."""
        self._values = {_key(key): freeze(value) for key, value in (values or {}).items()}
        self._identity = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> JsonObject:
        """Return an object with ``values`` that are frozen already; it keeps the dict."""
        made = cls()
        made._values = values
        return made

    def __getitem__(self, key: str) -> Any:
        return _thaw(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JsonObject):
            return self is other or self._sorted() == other._sorted()
        return isinstance(other, Mapping) and self.as_dict() == other

    def __hash__(self) -> int:
        return hash(self._sorted())

    def __repr__(self) -> str:
        return f"JsonObject({self.json})"

    def _sorted(self) -> str:
        if self._identity is None:
            self._identity = "".join(_render(self, sort=True))
        return self._identity

    @property
    def json(self) -> str:
        """The JSON text, with a space after each comma and colon."""
        return to_json_text(self)

    def frozen(self) -> Mapping[str, Any]:
        """Return the values as they are stored: texts, Plain, tuples and JsonObjects."""
        return self._values

    def with_values(self, **values: Any) -> JsonObject:
        """Return a copy with other ``values``; None removes a key."""
        changed = {key: value for key, value in self._values.items() if key not in values}
        changed |= {key: freeze(value) for key, value in values.items() if value is not None}
        return JsonObject.of(changed)

    def as_dict(self) -> dict[str, Any]:
        """Return a copy in plain Python values."""
        return {key: _thaw(value) for key, value in self._values.items()}


EMPTY = JsonObject()


def freeze(value: object, depth: int = MAX_DEPTH) -> Any:
    """Return a Python value as it is stored; raises TypeError, ValueError."""
    if depth < 0:
        raise ValueError(f"a value is nested more than {MAX_DEPTH} levels deep")
    match value:
        case Plain() | JsonObject():
            return value
        case str():
            return clean_text(value)
        case None:
            return Plain("null")
        case bool():
            return Plain("true" if value else "false")
        case int():
            return Plain(int(value))
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is not a JSON number")
            # YAML 1.1 takes 1e-07 for text.
            digits, e, exponent = repr(float(value)).partition("e")
            return Plain(f"{digits}{'.0' if e and '.' not in digits else ''}{e}{exponent}")
        case Mapping():
            return JsonObject.of({_key(key): freeze(each, depth - 1) for key, each in value.items()})
        case list() | tuple():
            return tuple(freeze(each, depth - 1) for each in value)
    raise TypeError(f"a session cannot store a value of type {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {type(key).__name__}")
    return clean_text(key)


def _thaw(value: Any) -> Any:
    match value:
        case Plain():
            return _typed(value)
        case JsonObject():
            return value.as_dict()
        case tuple():
            return [_thaw(each) for each in value]
    return value


def _typed(word: Plain) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    number = _NUMBER.fullmatch(word)
    if number is None:
        return str(word)
    if number[1] or number[2]:
        return float(word) if math.isfinite(float(word)) else str(word)
    return int(word) if len(word) <= _MAX_DIGITS else str(word)


def _render(value: Any, *, sort: bool = False) -> Iterator[str]:
    if isinstance(value, JsonObject):
        pairs = value.frozen().items()
        yield "{"
        for number, (key, each) in enumerate(sorted(pairs, key=itemgetter(0)) if sort else pairs):
            yield f"{', ' if number else ''}{_quoted(key)}: "
            yield from _render(each, sort=sort)
        yield "}"
    elif isinstance(value, tuple):
        yield "["
        for number, each in enumerate(value):
            if number:
                yield ", "
            yield from _render(each, sort=sort)
        yield "]"
    elif isinstance(value, Plain) and value.is_json:
        yield value or "null"
    else:
        yield _quoted(str(value))


def to_json_text(value: Any) -> str:
    """Return the JSON text of a frozen value."""
    return "".join(_render(value))


def read_object(text: str) -> JsonObject | None:
    """Return the JSON object in ``text``, or None if it is not one or has a key twice."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, JsonObject) else None


def is_json_text(text: str) -> bool:
    """Return True if ``text`` is JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def normal_json(text: str) -> str:
    """Return the object in ``text`` with the usual spaces, or another text unchanged.

    Models write JSON with any spaces and escapes. The values stay the same; numbers keep their digits.
    """
    value = read_object(text)
    return text if value is None else value.json


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    values = {clean_text(key): _frozen(value) for key, value in pairs}
    if len(values) != len(pairs):
        raise ValueError("a key occurs twice")
    return JsonObject.of(values)


def _frozen(value: Any) -> Any:
    """Return a value of the decoder, whose numbers and objects are frozen already."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return freeze(value)


def _reject(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_plain: Callable[[str], Any] = Plain
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_plain, parse_int=_plain, parse_constant=_reject)


def digest_of(value: object) -> str:
    """Return the digest of a JSON value."""
    return digest_of_bytes(canonical(value))


def digest_of_bytes(data: bytes) -> str:
    """Return the start of the SHA-256 of ``data``, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]


def canonical(value: object) -> bytes:
    """Return a JSON value as text that does not depend on the order of keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")
