"""The fast parser returns exactly what a YAML parser returns, or gives up."""

from __future__ import annotations

import random

import pytest

from aloop.errors import SessionFileError
from aloop.memory.codec.fast_parser import read_canonical
from aloop.memory.codec.nodes import Node, ScalarNode, SequenceNode
from aloop.memory.codec.serialization import dump_session, load_session, parse, read_quickly
from tests.memory.codec.mutations import SEEDS, mutate
from tests.memory.examples import ID, NOWHERE, RICH, SPEC_SAMPLE, session, user

SEED = dump_session(session(*RICH, system="Be kind."))


def meaning(node: Node) -> object:
    """Return the content of a node without its offsets."""
    if isinstance(node, ScalarNode):
        return node.text, node.plain
    if isinstance(node, SequenceNode):
        return [meaning(item) for item in node.items]
    return [(key, meaning(value)) for key, value in node.values.items()]


def assert_agrees_with_yaml(data: bytes) -> bool:
    """Compare the two parsers; return False if the fast one gives up."""
    fast = read_canonical(data)
    if fast is None:
        return False
    parsed = parse(data, NOWHERE)
    assert meaning(fast) == meaning(parsed.root), data
    assert parsed.ended, data
    assert parsed.below is None, data
    return True


def test_canonical_file_is_read_without_yaml() -> None:
    assert assert_agrees_with_yaml(SEED)


@pytest.mark.parametrize(
    "data",
    [
        SPEC_SAMPLE,
        SEED.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + SEED,
        SEED.removesuffix(b"...\n"),
        SEED.removesuffix(b"\n"),
        SEED + b"\n",
        SEED.replace(b"role: user\n", b"role: user # me\n"),
        SEED.replace(b"role: user\n", b"role:  user\n"),
        SEED.replace(b"  - role: user\n", b"  -  role: user\n"),
        SEED.replace(b"\nmessages:\n", b"\n# here\nmessages:\n"),
        SEED.replace(b'content: "', b'content: !t "'),
        SEED.replace("🎈".encode(), b"\xff"),
        SEED.replace("🎈".encode(), "\x85".encode()),
        SEED.replace("🎈".encode(), "\ufeff".encode()),
        SEED.replace("🎈".encode(), b"\x07"),
        SEED.replace(b"role: user\n", b"role: user\n    role: user\n"),
        b"...\n",
        b"",
    ],
)
def test_other_files_are_not_read(data: bytes) -> None:
    assert data != SEED
    assert read_canonical(data) is None


def value(text: str) -> bytes:
    return f"id: {ID}\nmessages:\n  - role: user\n    content: {text}\n...\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        '"a\\\n      \tb"',
        '"a \\\n      b"',
        '"a\\\n   b"',
        '"a\\x4"',
        '"a\\x41\\u00e9\\U0001f388"',
        '"\\ud800"',
        '"\\U00110000"',
        '"\\N\\_\\L\\P"',
        '"\\/"',
        '"a\tb"',
        "'it''s'",
        "'a\tb'",
        "|\n      a\n\n\n",
        "|+\n      a\n\n\n",
        "|-\n      a\n        b\n       \n",
        "|-\n\n      a",
        "|2-\n\n      a",
        "|2\n       \n      a",
        "|\n      \n      a",
        "|\n      \ta",
        "|2\n      \ta",
        "|2\n\n\n",
        "|\n      a\n      ",
        "|\n      a\n     b",
        "|\n       a\n      b",
        "|\n      ...\n      ---",
        "|\n      a\n...",
        "a\n      b",
        "a\n\n      b",
        "a:b/c-d",
        "2025-01-31",
        "10:30",
        "~",
        "[]",
        "[ ]",
        "{}",
        "{a: 1, a: 2}",
        "{a: 1, b: 2}",
        "{a: 1,b: 2}",
        "\n      inner: 1\n      other: 2",
        "\n      inner: 1\n     other: 2",
        "\n      - a: 1\n        b: 2\n      - a: 3",
        "\n    - a: 1",
        "\n",
        "x\n    content: y",
    ],
)
def test_unusual_values_are_read_as_by_yaml(text: str) -> None:
    assert_agrees_with_yaml(value(text))


@pytest.mark.parametrize("cases", [1_500, pytest.param(100_000, marks=pytest.mark.stress)])
def test_mutated_files_are_read_as_by_yaml(cases: int) -> None:
    rng = random.Random(cases)  # the same files in each run
    end, read = b"...\n", 0
    for _ in range(cases):
        seed = rng.choice((SEED, *SEEDS[2:]))
        # Keep the end marker, because without it the fast parser gives up at once.
        read += assert_agrees_with_yaml(mutate(seed.removesuffix(end), rng, rng.randint(1, 2)) + end)
    assert read > cases / 10


def test_invalid_canonical_file_is_rejected_with_its_reason() -> None:
    data = SEED.replace(b"role: assistant", b"role: robot", 1)
    assert read_canonical(data) is not None
    assert read_quickly(data, NOWHERE) is None
    with pytest.raises(SessionFileError, match="unknown role 'robot'"):
        load_session(data, NOWHERE)


def test_deep_nesting_is_not_read() -> None:
    deep = "".join(f"{' ' * column}a:\n" for column in range(0, 70, 2))
    assert read_canonical(f"{deep}{' ' * 70}a: b\n...\n".encode()) is None
    assert read_canonical(dump_session(session(user("x")))) is not None
