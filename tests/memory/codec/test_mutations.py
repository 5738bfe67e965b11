"""Damaged files load or are rejected, and saves to them lose nothing."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.errors import SessionFileError, UnstorableValue
from aloop.memory.codec.serialization import load_session
from aloop.memory.session_folder.session_file import SessionFile
from tests.memory.codec.mutations import SEEDS, mutate
from tests.memory.examples import LATER, NOWHERE, user
from tests.memory.faults import FaultyFileSystem

MORE = (user("More\n\n"), user("And more"))


def mutated(number: int) -> bytes:
    rng = random.Random(number)
    return mutate(rng.choice(SEEDS), rng, rng.randint(1, 4))


def check_place(error: SessionFileError, data: bytes) -> None:
    assert 1 <= error.line <= len(data.splitlines()) + 1, (error, data)
    assert error.column >= 1, (error, data)
    assert error.reason


@pytest.mark.parametrize("cases", [500, pytest.param(20_000, marks=pytest.mark.stress)])
def test_mutated_file_loads_or_is_rejected_with_line_and_column(cases: int) -> None:
    loaded, slowest = 0, 0.0
    for number in range(cases):
        data, start = mutated(number), time.process_time()
        try:
            session = load_session(data, NOWHERE)
        except SessionFileError as error:
            check_place(error, data)
        else:
            loaded += 1
            assert session.id
        slowest = max(slowest, time.process_time() - start)
    assert cases / 10 < loaded < cases
    assert slowest < 1, "the parser hangs"


@pytest.mark.parametrize("cases", [300, pytest.param(10_000, marks=pytest.mark.stress)])
def test_saving_to_a_mutated_file_adds_the_messages_or_changes_nothing(
    fs: FaultyFileSystem, tmp_path: Path, cases: int
) -> None:
    path = tmp_path / "session.yaml"
    saved = 0
    for number in range(cases):
        fs.calls.clear()
        data = mutated(number)
        path.write_bytes(data)
        try:
            stored = SessionFile.read(fs, path)
        except SessionFileError:
            assert path.read_bytes() == data
            continue
        assert path.read_bytes() == data
        meant = stored.session.messages
        for message in MORE:
            before = path.read_bytes()
            meant = (*meant, message)
            try:
                stored.save(replace(stored.session, updated_at=LATER, messages=meant), [message])
            except (SessionFileError, UnstorableValue):
                assert path.read_bytes() == before
                break
            saved += 1
            assert load_session(path.read_bytes(), path).messages == meant, data
    assert saved > cases / 5
