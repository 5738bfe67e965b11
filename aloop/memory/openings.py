"""The first thing said in a session, as far as it takes to search in it: found in the first bytes, nothing parsed."""

from __future__ import annotations

import contextlib
import re

from aloop.memory.atomic import explain
from aloop.memory.catalog import Catalog
from aloop.memory.session import FILE_NAME
from aloop.memory.yaml_backend import YamlBackend

GLIMPSE = 8192
"""Bytes of a file that are looked at."""

_LONGEST = 300
_FIRST_QUESTION = re.compile(
    rb"\n *- +role: *['\"]?user['\"]?[ \t]*\n(?P<margin> *)content: *"
    rb"(?:[|>][^\n]*\n(?P<block>(?:(?P=margin) [^\n]*\n|[ \t]*\n)*)"
    rb'|"(?P<double>(?:[^"\\]|\\.)*)"?'
    rb"|'(?P<single>[^']*)'?"
    rb"|(?P<plain>[^\n]*))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:\n *|[nrt ])|\\(?=[\"\\])")


def read_openings(backend: YamlBackend) -> dict[str, str]:
    """Return the first thing said in each session, by id; raises StorageError."""
    port, folder = backend.port, backend.sessions_dir
    found = {}
    try:
        for head in Catalog(port, folder).heads():
            with contextlib.suppress(OSError):  # gone meanwhile, or not for us to read: nothing to be found by
                found[head.id] = find_opening(port.read(f"{folder}/{head.folder}/{FILE_NAME}", GLIMPSE))
    except OSError as error:
        raise explain(error, "list the sessions", folder) from error
    return found


def find_opening(beginning: bytes) -> str:
    """Return the first user's message in the first bytes of a file, on one line; empty when it is not there."""
    found = _FIRST_QUESTION.search(beginning)
    if found is None:
        return ""
    text = found[found.lastgroup or 0]
    # What is cut in the middle of a character, or written as an escape, does not matter to a search.
    line = text[: 4 * _LONGEST].decode(errors="ignore")
    return " ".join(_ESCAPE.sub(" ", line).split())[:_LONGEST]
