"""The names of the folders in which tools keep the sessions of a project."""

from __future__ import annotations

import re

_LONGEST = 200
_SEPARATOR = re.compile(r"[/:\\]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def claude_slug(path: str) -> str:
    """Return the name of the folder that Claude Code makes for a project.

    Like the program, it counts in units of UTF-16, and ends a long name with a digest of the path.
    """
    units = [int.from_bytes(unit, "little") for unit in _units(path)]
    slug = "".join(chr(unit) if unit < 128 and chr(unit).isalnum() else "-" for unit in units)
    if len(slug) <= _LONGEST:
        return slug
    digest = 0
    for unit in units:
        digest = (31 * digest + unit) & 0xFFFFFFFF
    signed = digest - 2**32 if digest >= 2**31 else digest
    return f"{slug[:_LONGEST]}-{_base36(abs(signed))}"


def _units(text: str) -> list[bytes]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[start : start + 2] for start in range(0, len(data), 2)]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits or "0"


def pi_slug(path: str) -> str:
    """Return the name of the folder that pi makes for a project."""
    return f"--{_SEPARATOR.sub('-', path.removeprefix('/'))}--"
