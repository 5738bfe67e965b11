"""``aloop doctor``: a line a thing, and an exit code for what must be mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli.doctor import Diagnosis, lines


def test_each_thing_is_a_line_that_begins_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert {row.split()[0] for row in out.splitlines()} <= {"ok", "warn"}
    assert err.startswith("aloop works here")


def test_what_must_be_mended_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["doctor", "--json", "--sessions-dir", str(tmp_path / "file")]) == 1
    out, err = capsys.readouterr()
    records = [json.loads(row) for row in out.splitlines()]
    assert ["sessions", "fail"] in [[record["topic"], record["level"]] for record in records]
    assert "must be mended" in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("there is none", "warn  key       there is none. Set one."),
        ("Did you mean x?", "warn  key       Did you mean x? Set one."),
    ],
)
def test_advice_follows_as_a_sentence(text: str, line: str) -> None:
    assert lines(Diagnosis("key", "warn", text, "Set one."), None) == [line]


def test_a_line_is_folded_between_words_on_a_screen() -> None:
    folded = lines(Diagnosis("key", "ok", "there is one " + "/a-long-path" * 5, ""), 40)
    assert folded == ["ok    key       there is one", " " * 16 + "/a-long-path" * 5]


@pytest.mark.parametrize("arguments", [["--help"], ["--json", "--help"]])
def test_the_help_tells_of_the_marks(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    assert ended.value.code == 0
    assert "ok, warn, or fail" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["doctor", "now"], ["doctor", "--model", "x"], ["docter"]])
def test_what_makes_no_sense_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "doctor" in capsys.readouterr().err
