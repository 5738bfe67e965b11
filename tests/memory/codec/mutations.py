"""Random damage to session files: changed, lost, repeated or inserted bytes."""

from __future__ import annotations

import json
import random
from dataclasses import replace

from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.serialization import dump_session
from tests.memory.examples import RICH, SPEC_SAMPLE, answer, call, result, session, user

# Likely typing errors, and tokens that parsers are most likely to mishandle.
_TOKENS = (
    *(
        b"\n",
        b"\n\n",
        b" ",
        b"  ",
        b"    ",
        b"\t",
        b"\r",
        b"\r\n",
        b"\0",
        b"\x1b",
        b"\x7f",
        b"\xff",
        b"\xc3",
        b"\xe2\x80",
    ),
    *(
        b":",
        b": ",
        b"-",
        b"- ",
        b"? ",
        b"|",
        b">",
        b"|2",
        b"|+\n",
        b"#",
        b" # note\n",
        b"'",
        b'"',
        b"\\",
        b"\\\n",
        b"&a ",
        b"*a",
    ),
    *(
        b"!t ",
        b"<<: ",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"%",
        b"@",
        b"---\n",
        b"\n---\n",
        b"...\n",
        b"\n...\n",
        b"null",
        b"true",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", "\x85".encode(), "\u2028".encode(), "é🎈".encode(), b"\xed\xa0\x80"),
    *(
        b"messages:\n",
        b"messages: []\n",
        b"role: user\n",
        b"  - role: user\n    content: x\n",
        b"updated_at: 9\n",
        b"id: ",
    ),
    *(
        b"\\x41",
        b"\\u00e9",
        b"\\ud800",
        b"\\U00110000",
        b"|2-\n\n",
        b"\\\n \t",
        b"~",
        b"[" * 40,
        b"- " * 40,
        b"9" * 400,
    ),
)

HAND_WRITTEN = b"""\
# my notes
messages:   # the talk
- role: user
  content: "one
    two"

- {role: assistant, content: yes, mood: calm}
-   content: >
       folded
       text
    role: user   # me
    x-extra:
      - [1, 2]
      - a: b
title: 'It''s'
updated_at: 2025-01-31T15:45:00
id: a1b2c3d4-5678-90ab-cdef-1234567890ab
created_at: "2025-01-31T14:30:00"
"""

# Arguments and results that are YAML mappings, a note, tags and a pin.
_SCRIPT = {
    "path": "a b.py",
    "content": "def f():\n    return '#'\n",
    "edits": [{"old": "a: b", "new": "- c\n\n"}],
    "n": 1.5,
}
READABLE = (
    LLMMessage("user", "Write", extra=JsonObject({"note": "Look # here\nagain", "tags": ["a", "b-c"], "pinned": True})),
    answer(
        None, call("c1", json.dumps(_SCRIPT)), call("c2", json.dumps({"command": "ls -l\n" * 9, "deep": {"a": [[{}]]}}))
    ),
    result(json.dumps({"ok": True, "lines": ["one\ntwo", "x" * 90]}), "c1", "write_file"),
    result("text", "c2", "run_shell"),
)

SEEDS = (
    SPEC_SAMPLE,
    HAND_WRITTEN,
    dump_session(session(*RICH, system="Be kind.\n\n")),
    dump_session(session(user("Hi"), answer("\x07bell\nand \x1b[0m"), user("a\nb"), answer(None, call()), result("4"))),
    dump_session(session()),
    dump_session(
        replace(session(*READABLE), title="A 'title': #", extra=JsonObject({"tags": ["x"], "mine": {"a": None}}))
    ),
)


def mutate(seed: bytes, rng: random.Random, times: int) -> bytes:
    """Return ``seed`` with ``times`` random changes."""
    data = bytearray(seed)
    for _ in range(times):
        place = rng.randrange(len(data) + 1)
        length = rng.choice((1, 1, 1, 2, 5, 30))
        match rng.randrange(7):
            case 0 if data:
                data[place % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = rng.choice(_TOKENS)
            case 3:
                data[place : place + length] = rng.choice(_TOKENS)
            case 4:
                data[place:place] = data[place : place + length]
            case 5:
                _swap_lines(data, rng)
            case _:
                data[place : place + 1] = bytes([rng.randrange(256)])
    return bytes(data)


def _swap_lines(data: bytearray, rng: random.Random) -> None:
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
        data[:] = b"".join(lines)
