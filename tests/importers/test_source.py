"""Files in pieces, and their formats."""

from __future__ import annotations

import codecs
import json
import tracemalloc
from pathlib import Path

import pytest

from aloop.importers.detect import COMPANION, recognize
from aloop.importers.run import Scan, Selection
from aloop.importers.source import HEAD, Source
from aloop.importers.tree import paths

_LONG = "x" * 2 * HEAD


@pytest.mark.parametrize("gap", [None, 1])
def test_elements_of_a_long_list_are_yielded_one_at_a_time(gap: int | None) -> None:
    values = [{"n": n, "text": "ä" * 400_000} for n in range(8)]
    source = Source(None, json.dumps(values, indent=gap, ensure_ascii=False).encode())
    assert [each["n"] for each in source.elements()] == list(range(8))
    assert not source.problems


def test_list_that_is_cut_off_yields_what_is_whole() -> None:
    source = Source(None, b'[{"n": 1}, {"n": 2}, {"n"')
    assert list(source.elements()) == [{"n": 1}, {"n": 2}]
    assert source.problems == {"values that are cut off or not JSON": 1}


def test_list_without_its_end_is_reported() -> None:
    source = Source(None, b'[{"n": 1}, {"n": 2}, ')
    assert list(source.elements()) == [{"n": 1}, {"n": 2}]
    assert source.problems == {"lists that are cut off": 1}


def test_single_object_is_the_only_element_and_reading_is_counted() -> None:
    read: list[int] = []
    data = b'\xef\xbb\xbf {"n": 1}\n'
    assert list(Source(None, data, read.append).elements()) == [{"n": 1}]
    assert sum(read) == len(data)


def test_list_is_read_in_chunks() -> None:
    data = json.dumps([{"n": n, "text": "x" * 1000} for n in range(5_000)]).encode()
    read: list[int] = []
    next(Source(None, data, read.append).elements())
    assert sum(read) < len(data) / 2


def test_list_whose_elements_all_start_differently_is_read_like_any_other() -> None:
    values = [{f"key {n}": n, "text": "x" * 60} for n in range(30_000)]
    values += [{"n": n, "text": "y"} for n in range(30_000)]
    assert list(Source(None, json.dumps(values).encode()).elements()) == values


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"type": "summary", "summary": "S", "leafUuid": "u"}\n', "claude-code"),
        ('{"id": "1", "timestamp": "t", "instructions": null}\n{"type": "message"}\n', "codex"),
        ('{"type": "session", "id": "1", "timestamp": "t", "cwd": "/"}\n', "pi"),
        ('[{"title": "x"}, {"mapping": {}}]', "chatgpt"),
        ('{"uuid": "1", "chat_messages": []}', "claude-ai"),
        ('[{"role": "user", "content": "Hi"}]', "openai"),
        ('{"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}', "anthropic"),
        ('{"id": "prt_1", "messageID": "m", "sessionID": "s", "type": "text"}', COMPANION),
        ("# aider chat started at 2024-05-01 10:00:00\n", "aider"),
        ("> Applied edit  \n\n#### two  \n\nYes.\n\n# aider chat started at 2024-05-01 10:00:00\n", "aider"),
        ("About aider.\n\n# aider chat started at 2024-05-01 10:00:00\n", None),
        ("> A quotation  \nof two lines.\n", None),
        ('{"name": "a package", "version": "1"}', None),
        ("[1, 2, 3]", None),
        ("{", None),
        ("", None),
        ("just text", None),
        (
            f'{{"parentUuid": null, "sessionId": "s", "type": "user", "message": {{"content": "{_LONG}"}}}}',
            "claude-code",
        ),
        (f'{{"timestamp": "t", "type": "response_item", "payload": {{"text": "{_LONG}"}}}}', "codex"),
    ],
)
def test_format_is_recognized_by_content(text: str, form: str | None) -> None:
    assert recognize(Source(None, text.encode())) == form


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
@pytest.mark.parametrize("is_piped", [True, False])
def test_file_that_was_converted_to_another_encoding_is_read(
    tmp_path: Path, mark: bytes, encoding: str, *, is_piped: bool
) -> None:
    texts = {
        "chat.json": json.dumps([{"role": "user", "content": "Grüße 🎉"}], indent=1, ensure_ascii=False),
        "chat.jsonl": json.dumps({"role": "user", "content": "Grüße 🎉"}, ensure_ascii=False) + "\r\n",
        "chat.md": "# aider chat started at 2024-05-01 10:00:00\r\n\r\n#### Grüße 🎉  \r\n",
    }
    for name, text in texts.items():
        data = mark + text.encode(encoding)
        (tmp_path / name).write_bytes(data)
        scan = Scan(Selection())
        found = scan.read_source(Source(None, data)) if is_piped else scan.read([tmp_path / name])
        assert [message.content for imported in found for message in imported.messages] == ["Grüße 🎉"]
        assert not scan.is_partial


LINES = 80_000


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-le", codecs.BOM_UTF16_LE), ("utf-32-be", codecs.BOM_UTF32_BE)])
def test_file_in_another_encoding_is_read_in_pieces_and_counted_by_its_size(
    tmp_path: Path, encoding: str, mark: bytes
) -> None:
    line = json.dumps({"role": "user", "content": "x" * 100}) + "\n"
    path = tmp_path / "chat.jsonl"
    path.write_bytes(mark + (line * LINES).encode(encoding))
    size = path.stat().st_size
    read: list[int] = []
    tracemalloc.start()
    try:
        count = sum(1 for _ in Source(path, on_read=read.append).in_encoding(encoding[:6]).lines())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (count, read != []) == (LINES, True)
    assert abs(sum(read) - size) < size / 50
    assert peak < size


def test_damaged_text_in_utf16_is_read_as_far_as_it_is_whole() -> None:
    text = '{"role": "user", "content": "One"}\n{"role": "user", "content": "Two"}\n'
    data = codecs.BOM_UTF16_LE + text.encode("utf-16-le")
    for damaged in (data[:-1], data[:90] + b"\x00\xd8" + data[92:]):
        (imported,) = Scan(Selection()).read_source(Source(None, damaged))
        assert imported.messages[0].content == "One"


def test_tree_with_a_circle_and_missing_parents_ends() -> None:
    assert [branch.ids for branch in paths({"a": "b", "b": "a"})] == [("a", "b")]
    main, other = paths({"1": "gone", "2": "1", "3": "1"}, "2")
    assert (main.ids, other.ids, other.fork) == (("1", "2"), ("1", "3"), "3")
    assert paths({}) == []


def test_unreadable_file_is_a_problem_and_not_an_error(tmp_path: Path) -> None:
    source = Source(tmp_path / "x.json", b"\xff\xfe{not")
    assert recognize(source) is None
