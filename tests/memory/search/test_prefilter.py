""""""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import unicodedata
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.search import prefilter as sifting
from aloop.memory.search import prefilter_worker as sifter
from aloop.memory.search.prefilter import _STEADY, Prefilter, PrefilterProcess
from aloop.memory.search.prefilter_worker import EMPTY, FOLDING, PASSED, TAKEN, UNSEEN, Matcher
from aloop.memory.search.query import Query, fold
from aloop.memory.search.search import find_hits
from aloop.memory.session import Session
from tests.memory.examples import ID, NOWHERE, RICH, session, texts, user
from tests.memory.handwritten import write_by_hand
from tests.processes import children_of, is_running

_LETTERS = st.text(
    st.sampled_from("abskifABSKIF ßſKŉǰéÉe\u0301ﬁ\n'\"\\/x41un\t\u2028か\u3099がハ字豈한\u1112\u1161\u11ab…\u037e"),
    max_size=30,
)


def lets_through(data: bytes, query: str) -> bool:
    sieve = Prefilter(Query.parse(query))
    passed = sieve.passes(data)
    assert not passed or Matcher(sieve.pieces, is_ascii=sieve.is_ascii).passes(data)
    return passed


def never_wrongly_kept_back(data: bytes, stored: Session, query: str) -> bool:
    return lets_through(data, query) or not find_hits(stored, Query.parse(query))


@given(st.one_of(_LETTERS, texts), _LETTERS)
def test_no_file_of_ours_is_kept_back_that_holds_what_is_searched_for(text: str, query: str) -> None:
    stored = session(user(text), system="s k i")
    assert never_wrongly_kept_back(dump_session(stored), stored, query)


@given(_LETTERS, st.data())
def test_any_part_of_what_was_said_is_let_through(text: str, data: st.DataObject) -> None:
    written = dump_session(session(user(text)))
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    assert never_wrongly_kept_back(written, load_session(written, NOWHERE), part.replace('"', " "))


@given(_LETTERS, _LETTERS)
def test_nor_is_one_with_everything_escaped_that_can_be(text: str, query: str) -> None:
    def spell(character: str) -> str:
        return f"\\U{ord(character):08x}"

    data = f'id: {ID}\nmessages:\n  - role: user\n    content: "{"".join(map(spell, text))}"\n'.encode()
    assert never_wrongly_kept_back(data, load_session(data, NOWHERE), query)


def test_nor_is_one_written_by_hand() -> None:
    for seed in range(300):
        written = write_by_hand(random.Random(seed))
        stored = load_session(written.data, NOWHERE)
        for message in written.messages:
            for word in (message.content or "").split():
                assert never_wrongly_kept_back(written.data, stored, word.replace('"', " ")), seed


def test_what_every_file_holds_lets_none_through() -> None:
    data = dump_session(session(*RICH, system="You are a helpful assistant.\n"))
    assert not any(lets_through(data, word) for word in ("helpful", "assistant", "user", "claude", "role", "input_tok"))
    assert lets_through(data, "user summary") is False
    assert lets_through(data, "calculator")


def test_a_word_that_json_has_escaped_is_let_through() -> None:
    data = f"id: {ID}\nmessages:\n  - role: user\n    content: {json.dumps('Übung, 日本')}\n".encode()
    assert data.isascii()
    assert lets_through(data, "übung")
    assert lets_through(data, "日本")
    assert not lets_through(data, "nichts")


def test_each_character_that_folds_to_a_steady_one_is_known() -> None:
    assert not [
        hex(code)
        for code in (*range(0x80, 0xD800), *range(0xE000, 0x30000))
        if fold(chr(code)) != chr(code)
        and any(_STEADY.search(form) for form in (fold(chr(code)), unicodedata.normalize("NFC", chr(code))))
        and not FOLDING.search(chr(code).encode())
    ]


def test_what_was_typed_below_the_end_marker_is_let_through() -> None:
    data = dump_session(session(user("Hi"), system="Be kind.")) + b"- role: user\n  content: |\n    model: needle\n"
    assert find_hits(load_session(data, NOWHERE), Query.parse("needle"))
    assert lets_through(data, "needle")


NEEDLE = Prefilter(Query.parse('needle "in the hay"'))


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
        others = stack.enter_context(sifting.start_prefilter(NEEDLE, paths))
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
    assert [PrefilterProcess(states).leaves(place) for place in range(4)] == [True, True, False, True]
    assert states == bytearray([TAKEN, TAKEN, EMPTY, PASSED])


def test_it_ends_with_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A worker that never finishes: a real one may be done before the first look at it.
    worker = tmp_path / "python"
    worker.write_text("#!/bin/sh\nexec sleep 1000\n")
    worker.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(worker))
    before = set(children_of(os.getpid()))
    with sifting.start_prefilter(NEEDLE, put(tmp_path, *[b"needle in the hay"] * 1_000)):
        [process] = set(children_of(os.getpid())) - before
    assert not is_running(process)


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    request = {"pieces": ["needle"], "ascii": True, "files": put(tmp_path, b"nothing"), "parent": 0}
    with (tmp_path / "states").open("w+b") as states:
        states.write(bytes([UNSEEN]))
        states.flush()
        subprocess.run([sys.executable, sifter.__file__], input=json.dumps(request).encode(), stdout=states, check=True)
        assert (tmp_path / "states").read_bytes() == bytes([UNSEEN])
