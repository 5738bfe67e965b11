"""Read damaged session files with both readers and with PyYAML, and compare.

Run ``python -m tests.reliability.readers --full`` for 500,000 files. The fast reader may give up, and the strict one
may reject a file. PyYAML must read every other file in the same way.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter

import yaml

from aloop.errors import SessionFileError
from aloop.memory.codec.fast_parser import read_canonical
from aloop.memory.codec.nodes import Node, ScalarNode, SequenceNode
from aloop.memory.codec.serialization import ParsedDocument, parse
from tests.memory.codec.mutations import SEEDS, mutate
from tests.memory.examples import NOWHERE

QUICK, FULL = 2_000, 500_000
_END = b"...\n"
_MARKER = re.compile("(?:^|(?<=[\n\r\x85\u2028\u2029]))[.]{3}(?=[ \t\n\r\x85\u2028\u2029]|\\Z)")
_JSON = b"""\
{"id": "a1b2c3d4-5678-90ab-cdef-1234567890ab", "title": "A \\"title\\"\\n", "system_messages": [],
  "messages": [{"role": "user", "content": "caf\\u00e9 /\\/ \\t tab"}, {"role": "assistant", "content": null}]}
"""
_SEEDS = (*SEEDS, SEEDS[2].replace(b"\n", b"\r\n"), _JSON)


def content(node: Node) -> object:
    """Return the text, list or mapping of a node, as PyYAML's BaseLoader does."""
    if isinstance(node, ScalarNode):
        return node.text
    if isinstance(node, SequenceNode):
        return [content(item) for item in node.items]
    return {key: content(value) for key, value in node.values.items()}


def with_style(node: Node) -> object:
    """Return the content of a node with the style of each value and the order of keys."""
    if isinstance(node, ScalarNode):
        return node.text, node.plain
    if isinstance(node, SequenceNode):
        return [with_style(item) for item in node.items]
    return [(key, with_style(value)) for key, value in node.values.items()]


def damaged(number: int) -> bytes:
    """Return file ``number``.

    Every second one keeps the end marker, without which the fast reader gives up.
    """
    chance = random.Random(number)
    seed, times = chance.choice(_SEEDS), chance.randint(1, 3)
    if number % 2 and seed.endswith(_END):
        return mutate(seed.removesuffix(_END), chance, times) + _END
    return mutate(seed, chance, times)


def compare(data: bytes) -> tuple[str, str | None]:
    """Return how ``data`` was read, and a disagreement or None."""
    fast = read_canonical(data)
    try:
        strict = parse(data, NOWHERE)
    except SessionFileError as error:
        return "rejected", f"only the strict reader rejects it: {error.reason}" if fast else None
    if fast and with_style(fast) != with_style(strict.root):
        return "read by both", "the fast and the strict reader differ"
    if fast and (strict.below or not strict.ended):
        return "read by both", "the fast reader does not see the end"
    return "read by both" if fast else "read by the strict reader", _compare_with_yaml(data, strict)


def _compare_with_yaml(data: bytes, strict: ParsedDocument) -> str | None:
    parts = [content(strict.root), *([content(strict.below)] if strict.below else [])]
    try:
        expected = _documents(data)
    except yaml.YAMLError:
        # YAML has nothing below an end marker, except after "---".
        try:
            expected = _documents(_MARKER.sub("---", strict.source.text, count=1))
        except yaml.YAMLError as error:
            return f"PyYAML rejects it: {error}"
    return None if parts == expected else "the strict reader and PyYAML differ"


def _documents(text: bytes | str) -> list[object]:
    return [document for document in yaml.load_all(text, Loader=yaml.CBaseLoader) if document]


def main() -> int:
    """Print the counts and each disagreement; return 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} files instead of {QUICK:,}")
    parser.add_argument("--files", type=int, help="this many files")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    options = parser.parse_args()
    count = options.files or (FULL if options.full else QUICK)
    results: Counter[str] = Counter()
    began, disagreements = time.monotonic(), 0
    for number in range(options.first, options.first + count):
        result, disagreement = compare(damaged(number))
        results[result] += 1
        if disagreement:
            disagreements += 1
            print(f"file {number}: {disagreement}", flush=True)
        if (done := number + 1 - options.first) % 50_000 == 0 or done == count:
            counts = ", ".join(f"{results[result]:,} {result}" for result in sorted(results))
            seconds = time.monotonic() - began
            print(f"{done:,} files in {seconds:.0f} s: {counts}, {disagreements} disagreements", flush=True)
    return disagreements > 0


if __name__ == "__main__":
    sys.exit(main())
