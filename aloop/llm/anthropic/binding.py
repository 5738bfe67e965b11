"""Digests that bind each thinking block to everything that was sent before it.

Current models accept a thinking block only after the system text, the tools and the messages it was produced after
(platform.claude.com, "Prefix checks on thinking blocks"). aloop stores a digest of that prefix with the block. When the
history has changed since, the digest of the new prefix differs, and the block is left out of the request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from aloop.llm.json_values import DIGEST_LENGTH, canonical


class PrefixDigest:
    """Running digest of a request: system text, tools, then each content block."""

    def __init__(self, system: str, tools: Sequence[Mapping[str, Any]]) -> None:
        self._hash = hashlib.sha256(canonical([system, list(tools)]))

    def copy(self) -> PrefixDigest:
        """Return an independent digest of the same prefix."""
        other = object.__new__(PrefixDigest)
        other._hash = self._hash.copy()
        return other

    def add(self, role: str, block: Mapping[str, Any]) -> None:
        """Append one block."""
        self._hash.update(b"\n" + role.encode() + b" " + canonical(block))

    def digest_with(self, block: Mapping[str, Any]) -> str:
        """Return the digest of the prefix and ``block`` itself, without appending it."""
        with_block = self._hash.copy()
        with_block.update(b"\n" + canonical(block))
        return with_block.hexdigest()[:DIGEST_LENGTH]
