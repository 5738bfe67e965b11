"""Place cache breakpoints in a request.

The API caches a request up to each breakpoint, four at most, and looks back no further than 20 blocks from one. So the
tools, the system text, the last turn and the last user turn before it get one each: the last is where the previous
request ended, so that even a turn of many parallel calls finds everything before it in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from aloop.llm.layout import THINKING_TYPES, Block

CacheTtl = Literal["5m", "1h"]


def with_breakpoints(request: Mapping[str, Any], ttl: CacheTtl = "5m") -> dict[str, Any]:
    """Return ``request`` (``system`` text, ``tools``, ``messages``) with breakpoints; the given one is not changed."""
    mark: Block = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    marked = dict(request)
    if system := request.get("system"):
        marked["system"] = [{"type": "text", "text": system, "cache_control": mark}]
    if tools := request.get("tools"):
        marked["tools"] = [*tools[:-1], {**tools[-1], "cache_control": mark}]
    turns = list(request["messages"])
    user_turns = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    for place in user_turns[-2:]:
        turns[place] = _marked(turns[place], mark)
    marked["messages"] = turns
    return marked


def _marked(turn: Block, mark: Block) -> Block:
    blocks = list(turn["content"])
    if blocks[-1]["type"] in THINKING_TYPES:
        return turn
    blocks[-1] = {**blocks[-1], "cache_control": mark}
    return {**turn, "content": blocks}
