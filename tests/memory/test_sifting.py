from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aloop.memory import sifting
from aloop.memory.query import Query
from aloop.memory.sieve import Sieve
from aloop.memory.sifting import Sifting
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


def wait_for_the_end(others: Sifting) -> None:
    assert others._answers is not None
    os.set_blocking(others._answers, True)
    while others.reached():
        pass


def test_a_second_process_lets_through_what_may_hold_every_word(tmp_path: Path) -> None:
    paths = put(
        tmp_path, *[b"In the hay, a NEEDle"] * 2, *[b"nothing"] * 1_000, b"\\x6eeedle in the hay", b"hay in the"
    )
    paths.append(str(tmp_path / "gone"))
    with sifting.sifting(NEEDLE, paths) as others:
        wait_for_the_end(others)
        assert others.passed(0) == [0, 1, 1_002, 1_004]
        assert others.passed(2) == [1_002, 1_004]


def test_few_files_and_a_single_processor_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = put(tmp_path, b"needle")
    with sifting.sifting(NEEDLE, paths) as others:
        assert (others.reached(), others.passed(0)) == (1, [])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with sifting.sifting(NEEDLE, paths * 1_000) as others:
        assert (others.reached(), others.passed(0)) == (1_000, [])


def test_one_that_can_not_be_started_has_reached_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with sifting.sifting(NEEDLE, ["x"] * 1_000) as others:
        assert others.reached() == 1_000


def test_one_that_dies_leaves_the_rest_to_us() -> None:
    answers, tell = os.pipe()
    os.write(tell, b"64 70 99\n32 3")
    os.close(tell)
    others = Sifting(100, answers)
    assert [others.reached() for _ in range(3)] == [64, 64, 64]
    assert others.passed(64) == [70, 99]
    os.close(answers)


def test_it_ends_with_the_search(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    with sifting.sifting(NEEDLE, put(tmp_path, *[b"needle in the hay"] * 1_000)):
        [process] = set(children_of(os.getpid())) - before
    assert not is_running(process)
