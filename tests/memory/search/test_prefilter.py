from __future__ import annotations

import json
import marshal
import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.search import prefilter_worker
from aloop.memory.search.prefilter import _STABLE, Prefilter, SharedStates, start_worker
from aloop.memory.search.prefilter_worker import EMPTY, FOLDING, TAKEN, UNSEEN, Matcher
from aloop.memory.search.query import Query, fold
from aloop.memory.search.search import find_hits
from aloop.memory.session import Session
from tests.memory.examples import ID, NOWHERE, RICH, session, texts, user
from tests.memory.handwritten import write_by_hand
from tests.processes import is_running

_LETTERS = st.text(
    st.sampled_from("abskifABSKIF ßſKŉǰéÉe\u0301ﬁ\n'\"\\/x41un\t\u2028か\u3099がハ字豈한\u1112\u1161\u11ab…\u037e"),
    max_size=30,
)


def passes(data: bytes, query: str) -> bool:
    prefilter = Prefilter(Query.parse(query))
    passed = prefilter.passes(data)
    assert not passed or Matcher(prefilter.pieces, is_ascii=prefilter.is_ascii).passes(data)
    return passed


def passes_if_found(data: bytes, stored: Session, query: str) -> bool:
    return passes(data, query) or not find_hits(stored, Query.parse(query))


@given(st.one_of(_LETTERS, texts), _LETTERS)
def test_files_written_by_aloop_pass_if_they_match(text: str, query: str) -> None:
    stored = session(user(text), system="s k i")
    assert passes_if_found(dump_session(stored), stored, query)


@given(_LETTERS, st.data())
def test_files_pass_for_any_part_of_a_message(text: str, data: st.DataObject) -> None:
    written = dump_session(session(user(text)))
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    assert passes_if_found(written, load_session(written, NOWHERE), part.replace('"', " "))


@given(_LETTERS, _LETTERS)
def test_files_with_every_character_escaped_pass_if_they_match(text: str, query: str) -> None:
    def spell(character: str) -> str:
        return f"\\U{ord(character):08x}"

    data = f'id: {ID}\nmessages:\n  - role: user\n    content: "{"".join(map(spell, text))}"\n'.encode()
    assert passes_if_found(data, load_session(data, NOWHERE), query)


def test_files_written_by_hand_pass_if_they_match() -> None:
    for seed in range(300):
        written = write_by_hand(random.Random(seed))
        stored = load_session(written.data, NOWHERE)
        for message in written.messages:
            for word in (message.content or "").split():
                assert passes_if_found(written.data, stored, word.replace('"', " ")), seed


def test_words_of_keys_and_system_messages_do_not_pass() -> None:
    data = dump_session(session(*RICH, system="You are a helpful assistant.\n"))
    assert not any(
        passes(data, word)
        for word in ("helpful", "assistant", "user", "claude", "role", "input_tok", "duration", "permission")
    )
    assert passes(data, "user summary") is False
    assert passes(data, "calculator")


def test_words_with_json_escapes_pass() -> None:
    data = f"id: {ID}\nmessages:\n  - role: user\n    content: {json.dumps('Übung, 日本')}\n".encode()
    assert data.isascii()
    assert passes(data, "übung")
    assert passes(data, "日本")
    assert not passes(data, "nichts")


def test_folding_covers_each_character_that_folds_to_a_stable_one() -> None:
    assert not [
        hex(code)
        for code in (*range(0x80, 0xD800), *range(0xE000, 0x30000))
        if fold(chr(code)) != chr(code)
        and any(_STABLE.search(form) for form in (fold(chr(code)), unicodedata.normalize("NFC", chr(code))))
        and not FOLDING.search(chr(code).encode())
    ]


def test_messages_below_the_end_marker_pass() -> None:
    data = dump_session(session(user("Hi"), system="Be kind.")) + b"- role: user\n  content: |\n    model: needle\n"
    assert find_hits(load_session(data, NOWHERE), Query.parse("needle"))
    assert passes(data, "needle")


NEEDLE = Prefilter(Query.parse('needle "in the hay"'))


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the process IDs of the workers started by the test."""
    found: list[int] = []

    class RecordedPopen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            found.append(self.pid)

    monkeypatch.setattr("aloop.memory.search.prefilter.subprocess.Popen", RecordedPopen)
    return found


def put(folder: Path, *texts: bytes) -> list[str]:
    paths = [folder / f"{number}\n\udc80.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    return list(map(str, paths))


def claimed(paths: list[str], started: list[int]) -> list[int]:
    """Return the files left to read after the worker has finished."""
    with start_worker(NEEDLE, paths) as states:
        while started:
            os.waitid(os.P_PID, started.pop(), os.WEXITED | os.WNOWAIT)
        return [index for index in range(len(paths)) if states.claim(index)]


def test_worker_leaves_the_files_that_may_contain_every_word(tmp_path: Path, started: list[int]) -> None:
    paths = put(
        tmp_path, *[b"In the hay, a NEEDle"] * 2, *[b"nothing"] * 1_000, b"\\x6eeedle in the hay", b"hay in the"
    )
    assert claimed([*paths, str(tmp_path / "gone")], started) == [0, 1, 1_002, 1_004]


def test_no_worker_is_started_for_few_files_or_one_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    paths = put(tmp_path, b"nothing")
    assert claimed(paths, started) == [0]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert claimed(paths * 1_000, started) == list(range(1_000))


def test_every_file_is_left_if_the_worker_cannot_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert claimed(put(tmp_path, b"nothing") * 1_000, started) == list(range(1_000))


def test_file_taken_but_not_found_empty_is_read() -> None:
    states = bytearray([UNSEEN, TAKEN, EMPTY])
    assert [SharedStates(states).claim(index) for index in range(3)] == [True, True, False]
    assert states == bytearray([TAKEN, TAKEN, EMPTY])


def test_worker_ends_with_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]) -> None:
    # A worker that never finishes: a real one may be done before the first look at it.
    worker = tmp_path / "python"
    worker.write_text("#!/bin/sh\nexec sleep 1000\n")
    worker.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(worker))
    with start_worker(NEEDLE, put(tmp_path, *[b"needle in the hay"] * 1_000)):
        [process] = started
    assert not is_running(process)


def test_worker_ends_with_its_parent(tmp_path: Path) -> None:
    request = {"pieces": ["needle"], "ascii": True, "files": put(tmp_path, b"nothing"), "parent": 0, "largest": 1_000}
    with (tmp_path / "states").open("w+b") as states:
        states.write(bytes([UNSEEN]))
        states.flush()
        program = prefilter_worker.__file__
        subprocess.run([sys.executable, program], input=marshal.dumps(request), stdout=states, check=True)
        assert (tmp_path / "states").read_bytes() == bytes([UNSEEN])
