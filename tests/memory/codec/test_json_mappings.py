"""Tool arguments and results that are JSON objects, written as YAML mappings."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml

from aloop.llm.anthropic.wire import to_message, to_request
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import dump_session, load_session, read_quickly
from tests.figures.tool_arguments import count_differences, generate
from tests.memory.conversations import file_of, say, stored
from tests.memory.examples import NOWHERE, answer, result, session, user

SCRIPT = '#!/bin/sh\necho "it\'s" \\\n  done\n'
WRITE = json.dumps({"path": "a.sh", "content": SCRIPT, "mode": 493, "yes": "no"})


def emitted(arguments: str) -> str:
    """Return the lines of the arguments, without their indentation."""
    lines = emit_messages([answer(None, ToolCall("c", "write_file", arguments))], 0)
    return "\n".join(line[8:] for line in lines.split("name: write_file\n")[1].splitlines())


def after_reading(arguments: str) -> str:
    data = dump_session(session(answer(None, ToolCall("c", "t", arguments))))
    fast, full = read_quickly(data, NOWHERE), load_session(data, NOWHERE)
    assert fast is None or fast.messages == full.messages
    return full.messages[0].tool_calls[0].arguments


def test_written_file_reads_as_itself() -> None:
    assert emitted(WRITE) == (
        'arguments:\n  path: "a.sh"\n  content: |\n    #!/bin/sh\n'
        '    echo "it\'s" \\\n      done\n  mode: 493\n  "yes": "no"'
    )
    assert after_reading(WRITE) == WRITE


def test_short_arguments_stay_json() -> None:
    assert emitted('{"command": "ls"}') == 'arguments: \'{"command": "ls"}\''
    assert emitted('{"pattern": "a\\\\nb"}').startswith("arguments: '{")
    assert emitted(json.dumps({"command": "x" * 200})).startswith("arguments:\n  command:")


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a": "x\\ny", "a": 2}',  # a key twice
        '{"a":"x\\ny"}',  # other spaces
        '{"a": "\\u0078\\ny"}',  # an escape that JSON does not need
        '{"a": "x\\ny", "n": 1e5}',  # text in YAML 1.1
        '{"a": "x\\ny", "n": 1E400}',
        '{"a": "x\\ny", "n": ' + "9" * 5_000 + "}",
        '{"a": "x\\ny", "deep": ' + "[" * 20 + "]" * 20 + "}",
        '{"a": "x\\ny", "' + "k" * 2_000 + '": 1}',
        '{"a": "x\\ny", "two\\nlines": 1}',
        '{"a": "x\\ny"',
        '["x\\ny"]',
        '"x\\ny"',
        "{}",
        "",
        "not JSON\nat all",
    ],
)
def test_arguments_that_a_mapping_cannot_carry_stay_text(arguments: str) -> None:
    assert not emitted(arguments).startswith("arguments:\n")
    assert after_reading(arguments) == arguments


def test_generated_arguments_are_read_alike_by_all_readers() -> None:
    rng, wrong = random.Random(7), {"aloop": 0, "aloop, strict": 0, "PyYAML": 0}
    mappings = count_differences(
        [generate(rng) for _ in range(400)], {"PyYAML": lambda data: yaml.load(data, yaml.CSafeLoader)}, wrong
    )
    assert wrong == dict.fromkeys(wrong, 0)
    assert mappings > 100


def test_result_that_is_a_json_object_is_a_mapping() -> None:
    text = json.dumps({"rows": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "log": "one\ntwo\n"})
    lines = emit_messages([result(text)], 0)
    assert "  content:\n    rows:\n      - id: 1\n" in lines
    data = dump_session(session(result(text)))
    assert load_session(data, NOWHERE).messages == (result(text),)
    assert read_quickly(data, NOWHERE) == load_session(data, NOWHERE)
    # Only results: a question stays text.
    assert "content: '{" in emit_messages([user(text)], 0)


def read_arguments(yaml_lines: str) -> str:
    text = f"""\
id: a1b2c3d4-5678-40ab-8def-1234567890ab
messages:
  - role: assistant
    tool_calls:
      - id: c
        function:
          name: t
          arguments: {yaml_lines}
"""
    return load_session(text.encode(), NOWHERE).messages[0].tool_calls[0].arguments


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{a: yes, b: 012, c: 1:30, d: 1.50, e: -3, f: true, g: null, h: 'null'}", None),
        ("\n            a: 2025-01-31\n            b:\n            c: ~", '{"a": "2025-01-31", "b": null, "c": "~"}'),
        (
            "\n            a: >-\n              folded\n              text\n            # a comment",
            '{"a": "folded text"}',
        ),
    ],
)
def test_mapping_by_hand_follows_the_types_of_json(written: str, read: str | None) -> None:
    read = read or '{"a": "yes", "b": "012", "c": "1:30", "d": 1.50, "e": -3, "f": true, "g": null, "h": "null"}'
    assert read_arguments(written) == read


async def test_edited_mapping_is_sent(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await say(memory, user("Write"), answer(None, ToolCall("c", "write_file", WRITE)), result("ok", "c"))
    path = file_of(memory)
    path.write_text(path.read_text().replace("#!/bin/sh\n", "#!/bin/bash\n"))
    await say(memory, answer("Done."))
    sent = json.loads((await stored(memory))[1].tool_calls[0].arguments)
    assert sent["content"] == SCRIPT.replace("/bin/sh", "/bin/bash")


def test_request_is_the_same_after_a_save() -> None:
    reply = to_message([{"type": "tool_use", "id": "c", "name": "t", "input": '{"b":1.50,\n"a" : "x\\ny\\u00e9"}'}])
    assert reply.tool_calls[0].arguments == '{"b": 1.50, "a": "x\\nyé"}'
    meant = session(user("Go"), reply, result("ok", "c"))
    loaded = load_session(dump_session(meant), NOWHERE)
    assert loaded.messages == meant.messages
    before, after = to_request(meant.messages), to_request(loaded.messages)
    assert json.dumps(before.turns) == json.dumps(after.turns)
    assert before.prefix.digest_with({}) == after.prefix.digest_with({})


def test_call_with_a_mapping_counts_as_unchanged() -> None:
    message = LLMMessage("assistant", None, (ToolCall("c", "write_file", WRITE),))
    assert load_session(dump_session(session(message)), NOWHERE).messages[0] == message
