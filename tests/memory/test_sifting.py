from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from aloop.memory.search import prefilter as sifting
from aloop.memory.search import prefilter_worker as sifter
from aloop.memory.search.prefilter import Sieve, Sifting
from aloop.memory.search.prefilter_worker import EMPTY, PASSED, TAKEN, UNSEEN
from aloop.memory.search.query import Query
from tests.processes import children_of, is_running

NEEDLE = Sieve(Query.parse('needle "in the hay"'))


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def put(folder: Path, *texts: bytes) -> list[str]:
    paths = [folder / f"{number}\n\udc80.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    return list(map(str, paths))


def left(paths: list[str]) -> list[int]:
    """Return what a second process leaves to read when it has come to its end before us."""
    with ExitStack() as stack:
        before = set(children_of(os.getpid()))
        others = stack.enter_context(sifting.sifting(NEEDLE, paths))
        for process in set(children_of(os.getpid())) - before:
            os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        return [place for place in range(len(paths)) if others.leaves(place)]


def test_a_second_process_leaves_what_may_hold_every_word(tmp_path: Path) -> None:
    paths = put(
        tmp_path, *[b"In the hay, a NEEDle"] * 2, *[b"nothing"] * 1_000, b"\\x6eeedle in the hay", b"hay in the"
    )
    assert left([*paths, str(tmp_path / "gone")]) == [0, 1, 1_002, 1_004]


def test_few_files_and_a_single_processor_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = put(tmp_path, b"nothing")
    assert left(paths) == [0]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert left(paths * 1_000) == list(range(1_000))


def test_one_that_can_not_be_started_leaves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert left(put(tmp_path, b"nothing") * 1_000) == list(range(1_000))


def test_what_it_has_taken_and_not_finished_is_read() -> None:
    states = bytearray([UNSEEN, TAKEN, EMPTY, PASSED])
    assert [Sifting(states).leaves(place) for place in range(4)] == [True, True, False, True]
    assert states == bytearray([TAKEN, TAKEN, EMPTY, PASSED])


def test_it_ends_with_the_search(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    with sifting.sifting(NEEDLE, put(tmp_path, *[b"needle in the hay"] * 1_000)):
        [process] = set(children_of(os.getpid())) - before
    assert not is_running(process)


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    request = {"pieces": ["needle"], "ascii": True, "files": put(tmp_path, b"nothing"), "parent": 0}
    with (tmp_path / "states").open("w+b") as states:
        states.write(bytes([UNSEEN]))
        states.flush()
        subprocess.run([sys.executable, sifter.__file__], input=json.dumps(request).encode(), stdout=states, check=True)
        assert (tmp_path / "states").read_bytes() == bytes([UNSEEN])
