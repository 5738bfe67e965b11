"""The JSON Schema that editors are given: what aloop writes and reads fits it, and slips of the hand do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager
from aloop.memory.codec.serialization import dump_session
from tests.memory.examples import RICH, SPEC_SAMPLE, session, user

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "aloop" / "memory" / "sessions_dir" / "session.schema.json").read_text()
)


def check(data: bytes) -> None:
    """Validate a session file as an editor does."""
    jsonschema.validate(yaml.load(data, yaml.SafeLoader), SCHEMA)  # the loader whose types editors share


def changed(**header: Any) -> bytes:
    """Return a session with other values in its header, as YAML."""
    value = yaml.load(dump_session(session(user("Hi"))), yaml.SafeLoader)
    return yaml.safe_dump({**value, **header}).encode()


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_samples_of_the_specification_and_of_every_field_fit() -> None:
    check(SPEC_SAMPLE)
    check(dump_session(session(*RICH, system="Be kind.\n")))


async def test_a_real_session_fits_and_finds_its_schema(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "Hello"))
        await turn.add(LLMMessage("assistant", "Hi"))
    assert memory.path
    data = memory.path.read_bytes()
    check(data)
    reference = data.decode().splitlines()[0].partition("$schema=")[2]
    assert json.loads((memory.path.parent / reference).read_text()) == SCHEMA


@pytest.mark.parametrize(
    "header",
    [
        {"id": "mine"},
        {"messages": {"role": "user"}},
        {"messages": [{"role": "robot", "content": "Hi"}]},
        {"messages": [{"content": "Hi"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "user", "skip": "perhaps"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}]},
        {"updated_at": "yesterday"},
    ],
)
def test_slips_of_the_hand_do_not_fit(header: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(changed(**header))


def test_keys_that_a_person_adds_fit() -> None:
    check(changed(project="x", messages=[{"role": "user", "content": "Hi", "mood": "good"}]))
