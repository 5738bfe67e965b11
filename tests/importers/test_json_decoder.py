"""JSON is decoded to the same values with orjson and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.importers import json_decoder, source
from aloop.importers.json_decoder import decode
from aloop.importers.run import Scan, Selection
from aloop.importers.source import BROKEN_LINES, Source
from tests.importers.reading import write_lines

_DECODERS = pytest.mark.parametrize("decoder", ["orjson", "orjson in lists", "json"])

_NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
_TEXTS = st.text(st.characters(exclude_categories=[]), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@contextmanager
def using(decoder: str) -> Iterator[pytest.MonkeyPatch]:
    """Decode with orjson, also as a long text, or as if it was not installed."""
    if decoder != "json":
        pytest.importorskip("orjson")
    with pytest.MonkeyPatch.context() as patch:
        if decoder == "orjson in lists":
            patch.setattr(json_decoder, "_LARGE", 0)
        if decoder == "json":
            patch.setattr(json_decoder, "fast_decoder", lambda: None)
        yield patch


def outcome(text: bytes | str, **options: Any) -> str:
    """Return the value with its types and order, or the fact that there is none."""
    try:
        return repr(decode(text, **options))
    except (ValueError, RecursionError):
        return "error"


def wanted(text: bytes | str, **options: Any) -> str:
    """Return the same with the ``json`` module."""
    try:
        return repr(json.loads(text, **options))
    except (ValueError, RecursionError):
        return "error"


@_DECODERS
@given(_VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_decoded_value_is_that_of_json(decoder: str, value: Any, is_ascii: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    raw = text.encode("utf-8", "surrogatepass")
    with using(decoder):
        assert outcome(raw) == outcome(text) == wanted(raw) == wanted(text) == repr(json.loads(text))


@_DECODERS
@given(st.lists(_NUMBERS, min_size=1, max_size=5))
def test_decoded_numbers_have_the_type_and_the_value_of_json(decoder: str, numbers: list[str]) -> None:
    text = f"[{','.join(numbers)}]"
    with using(decoder):
        assert outcome(text.encode()) == wanted(text)


@_DECODERS
@given(_VALUES, st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3) | st.sampled_from([b"\\", b"\\ud83d"]))
def test_damaged_text_is_decoded_or_rejected_as_by_json(
    decoder: str, value: Any, place: int, removed: int, inserted: bytes
) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    damaged = raw[:place] + inserted + raw[place + removed :]
    with using(decoder):
        assert outcome(damaged) == wanted(damaged)
        assert outcome(damaged, strict=False) == wanted(damaged, strict=False)


@_DECODERS
@pytest.mark.parametrize(
    "text",
    [
        *("9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1" * 400),
        *(
            "1" * 5_000,
            "1e400",
            "-1e400",
            "1e-400",
            "-0",
            "-0.0",
            "5e-324",
            "1.7976931348623157e308",
            "NaN",
            "-Infinity",
        ),
        *("2.2250738585072011e-308", "9007199254740993", "9007199254740993.0", "0.1234567890123456789012345"),
        *(
            '{"a": 1, "b": 2, "a": 3}',
            '"\\ud83d\\ude00"',
            '"\\ud83d"',
            '"\\ude00\\ud83d"',
            '{"\\ud83d": 1}',
            '"\ud83d"',
        ),
        *(
            "\ufeff{}",
            " \t\r\n{} ",
            "\x0b1",
            "",
            "{}x",
            "[1,]",
            "01",
            "+1",
            ".5",
            "1.",
            '"\x00"',
            '"\x7f"',
            '"\\u0000"',
        ),
        *('"a\nb"', "nul", "[" * 100_000, *("[" * n + "]" * n for n in (799, 800, 801, 900)), "["),
        *("1,2", "1],[2", "],[", "]", "[[1],[2]", "[1]]", '"]', "]" * 224, f"{']' * 224},{'[' * 224}"),
    ],
)
def test_edge_of_the_grammar_is_decoded_as_by_json(decoder: str, text: str) -> None:
    with using(decoder):
        for each in (text, text.encode("utf-8", "surrogatepass"), text.encode("utf-16", "surrogatepass")):
            assert outcome(each) == wanted(each)
            assert outcome(each, strict=False) == wanted(each, strict=False)


@pytest.mark.parametrize(
    "text", [b"12345678901234567", b'{"a": [0.5, "\xc3\xa4", "123-456"]}', f"[{'[[{}]], ' * 5_000}1]".encode()]
)
def test_usual_text_is_decoded_by_orjson(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("orjson")
    monkeypatch.setattr(json, "loads", None)
    decode(text)


_OBJECTS = st.fixed_dictionaries(
    {"id": _TEXTS | st.integers()},
    optional={
        "title": _TEXTS,
        "of": st.lists(st.fixed_dictionaries({"id": st.integers(), "title": _TEXTS}), max_size=3),
    },
)


@_DECODERS
@given(
    st.lists(_OBJECTS | _VALUES, max_size=6),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(1, 40),
    st.integers(0, 90),
    st.integers(1, 40),
)
def test_elements_of_a_list_are_those_of_json(
    decoder: str, values: list[Any], indent: int | None, ascii_only: bool, chunk: int, ahead: int, first_try: int
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    with using(decoder) as patch:
        patch.setattr(source, "_CHUNK", chunk)
        patch.setattr(source, "_AHEAD", ahead)
        patch.setattr(source, "_FIRST_TRY", first_try)
        elements = list(Source(None, text.encode("utf-8", "surrogatepass")).elements())
        assert repr(elements) == repr(json.loads(text))


@_DECODERS
def test_bytes_that_are_not_utf_8_are_replaced_in_each_element(decoder: str) -> None:
    raw = b'[{"n": "a\xff"}, {"n": "\xc3"}, {"n": "\xc3\xa4"}, {"m": "\xe4"}, null, "\xff\xed\xa0\x80", {"n": 1}]'
    with using(decoder):
        elements = list(Source(None, raw).elements())
    assert elements == json.loads(raw.decode("utf-8", "replace"))


@_DECODERS
def test_list_whose_elements_start_alike_is_split_without_json(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = [{"id": "x", "words": str(n)} for n in range(9)]
    values = [{"id": f'"{n}"', "title": "", "of": inner} for n in range(50)]
    with using(decoder):
        found = Source(None, json.dumps(values).encode()).elements()
        assert next(found) == values[0]
        monkeypatch.setattr(source, "_decode_start", lambda text, start: pytest.fail(f"not split: {text[start:][:40]}"))
        assert [next(found) for _ in values[1:-1]] == values[1:-1]


@_DECODERS
def test_line_at_the_limit_of_nesting_does_not_hide_the_others(decoder: str, tmp_path: Path) -> None:
    def line(number: int, content: object) -> dict[str, Any]:
        message = {"role": "user", "content": content}
        return {"type": "user", "uuid": str(number), "sessionId": "s", "cwd": "/w", "message": message}

    with using(decoder):
        for depth in (400, 850, 1_005, 1_015, 1_100):
            path = tmp_path / f"{depth}.jsonl"
            write_lines(path, line(1, "First"), line(3, "Last"))
            first, last = path.read_text("utf-8").splitlines()
            deep = json.dumps(line(2, "DEEP")).replace('"DEEP"', '[{"a":' + "[" * depth + "]" * depth + "}]")
            path.write_text(f"{first}\n{deep}\n{last}\n", "utf-8")
            scan = Scan(Selection())
            [imported] = scan.read([path])
            texts = [message.content for message in imported.messages]
            assert (texts[0], texts[-1]) == ("First", "Last")
            assert len(texts) == 3 or scan.broken == {BROKEN_LINES: {str(path): 1}}
