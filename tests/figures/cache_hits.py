"""Measure the share of input tokens that are read from the prompt cache.

    python -m tests.figures.cache_hits [--turns N]

The requests of a scripted session are recorded by the stub; the rules of the API's cache are simulated: a request
is cached up to each of its breakpoints, and a later request reads the longest equal prefix that ends at most 20 blocks
before one of its breakpoints. Tokens are estimated from the length of the blocks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

from anthropic import AsyncAnthropic

from aloop.agent.agent import ReActAgent
from aloop.llm.anthropic.client import AnthropicLLM
from tests.stub import Answer, StubServer, Text, ToolUse
from tests.stub.server import KEY

MODEL = "claude-sonnet-5-5"
TURNS = 40
MANY_CALLS = 30
LOOK_BACK = 20
"""Blocks that are compared for each breakpoint, with the one that has it."""
LEAST_TOKENS = 1_024
"""A shorter prefix is not cached."""
MOST_BREAKPOINTS = 4
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class CachedRequest:
    """The estimated input tokens of a request, all and those read from the cache."""

    tokens: int
    read: int

    @property
    def share(self) -> float:
        return self.read / self.tokens


class PromptCache:
    """The API's cache for one session; no entry expires."""

    def __init__(self) -> None:
        self._entries: set[bytes] = set()

    def send(self, body: Mapping[str, Any]) -> CachedRequest:
        """Read what a request finds in the cache, then write its prefixes.

        Raises ValueError for more breakpoints than the API accepts.
        """
        blocks = list(_blocks(body))
        marked = [index for index, block in enumerate(blocks) if "cache_control" in block]
        if len(marked) > MOST_BREAKPOINTS:
            raise ValueError(f"{len(marked)} blocks have cache_control, but the API accepts {MOST_BREAKPOINTS}")
        texts = [json.dumps(_without_mark(block), sort_keys=True) for block in blocks]
        sizes = list(accumulate(len(text) // _CHARACTERS_PER_TOKEN for text in texts))
        prefixes = list(accumulate((sha256(text.encode()).digest() for text in texts), _chained))
        candidates = (place for index in marked for place in range(index, max(index - LOOK_BACK, -1), -1) if place >= 0)
        found = max((place for place in candidates if prefixes[place] in self._entries), default=None)
        self._entries.update(prefixes[index] for index in marked if sizes[index] >= LEAST_TOKENS)
        return CachedRequest(sizes[-1], 0 if found is None else sizes[found])


def _chained(before: bytes, block: bytes) -> bytes:
    return sha256(before + block).digest()


def _blocks(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield tools, system text and messages in the order of the API's prefix."""
    yield from body.get("tools", ())
    system = body.get("system", ())
    yield from [{"type": "text", "text": system}] if isinstance(system, str) else system
    for message in body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            yield {"role": message["role"], **block}


def _without_mark(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "cache_control"}


def _calls(turn: int, count: int) -> Answer:
    calls = [ToolUse("calculator", {"expression": f"{turn} * {number}"}) for number in range(count)]
    return Answer(Text(f"For step {turn}, I calculate {count} products."), *calls)


async def record(turns: int) -> list[Mapping[str, Any]]:
    """Return the bodies of the requests of a session.

    Each turn has two steps with 1 to 4 parallel calls; the one in the middle has 30 in its first step.
    """
    with StubServer() as stub, tempfile.TemporaryDirectory() as folder:
        async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
            agent = ReActAgent(AnthropicLLM(MODEL, client=client), sessions_dir=Path(folder, "sessions"))
            for turn in range(turns):
                first = MANY_CALLS if turn == turns // 2 else 1 + turn % 4
                stub.script(_calls(turn, first), _calls(turn, 1 + turn % 3), f"The products of turn {turn} are done.")
                await agent.run(f"Please calculate the products of turn {turn}. " + "Explain each of them. " * 10)
        return [request.body for request in stub.requests]


def simulate(bodies: Sequence[Mapping[str, Any]]) -> list[CachedRequest]:
    """Return the effect of the cache on each request, in order."""
    cache = PromptCache()
    return [cache.send(body) for body in bodies]


def total(requests: Sequence[CachedRequest]) -> CachedRequest:
    """Return the sum over all requests."""
    return CachedRequest(sum(request.tokens for request in requests), sum(request.read for request in requests))


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=TURNS)
    turns = parser.parse_args().turns
    requests = simulate(asyncio.run(record(turns)))
    after_many = requests[3 * (turns // 2) + 1]
    everything = total(requests)
    print(f"{turns} turns, {len(requests)} requests, about {everything.tokens:,} input tokens")
    print(f"read from the cache: {everything.share:.1%}")
    print(f"read from the cache by the request after {MANY_CALLS} parallel calls: {after_many.share:.1%}")
    print(f"requests that read nothing: {sum(not request.read for request in requests)}")


if __name__ == "__main__":
    main()
