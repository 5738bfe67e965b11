"""The prefix check of current models, as their API applies it to thinking blocks.

A thinking block is valid only after the system text, the tools and the blocks that it was produced after. Written
without any code of aloop, so that a fault there does not hide here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

THINKING = ("thinking", "redacted_thinking")
REFUSAL = (
    "messages.{}.content.{}: Invalid `signature` in `thinking` block. The block is bound to a different conversation. "
    'Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)


def _plain(value: Any) -> Any:
    """Return ``value`` without cache breakpoints, which do not belong to the prefix."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if key != "cache_control"}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _system_text(system: Any) -> str:
    return system if isinstance(system, str) else "\n\n".join(block["text"] for block in system or ())


def prefix_of(body: Mapping[str, Any], blocks: Iterable[tuple[str, Any]]) -> str:
    """Return the digest of the system text, the tools and ``blocks``."""
    whole = [
        _system_text(body.get("system")),
        _plain(body.get("tools") or []),
        [(role, _plain(b)) for role, b in blocks],
    ]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def flattened(body: Mapping[str, Any]) -> Iterator[tuple[str, Any, int, int]]:
    """Yield role, block, message number and block number of each block."""
    for place, message in enumerate(body["messages"]):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for index, block in enumerate(blocks):
            yield message["role"], block, place, index


class BindingCheck:
    """Checks the prefixes of thinking blocks that come back."""

    def __init__(self) -> None:
        self._prefixes: dict[str, set[str]] = {}

    def give(self, body: Mapping[str, Any], answer: Iterable[Mapping[str, Any]]) -> None:
        """Record the thinking blocks of an answer to ``body``."""
        before = [(role, block) for role, block, _, _ in flattened(body)]
        for block in answer:
            if block["type"] in THINKING:
                self._prefixes.setdefault(_key(block), set()).add(prefix_of(body, before))
            if block["type"] != "text" or block["text"].strip():
                before.append(("assistant", block))

    def complaint(self, body: Mapping[str, Any]) -> str | None:
        """Return the error for the first thinking block after another prefix, or None."""
        before: list[tuple[str, Any]] = []
        for role, block, place, index in flattened(body):
            if block["type"] in THINKING:
                known = self._prefixes.get(_key(block))
                if known is None or prefix_of(body, before) not in known:
                    return REFUSAL.format(place, index)
            before.append((role, block))
        return None


def _key(block: Mapping[str, Any]) -> str:
    return json.dumps([block.get("thinking"), block.get("signature"), block.get("data")])
