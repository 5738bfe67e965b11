"""``aloop doctor``: its output and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli.doctor import verdict_lines
from aloop.cli.doctor_checks import CHECKS, Verdict


def test_doctor_prints_a_line_per_check_starting_with_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert [row.split()[1] for row in out.splitlines()] == list(CHECKS)
    assert {row.split()[0] for row in out.splitlines()} <= {"ok", "warn"}
    assert err.startswith("aloop works here")


def test_doctor_exits_with_1_after_a_failed_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["doctor", "--json", "--sessions-dir", str(tmp_path / "file")]) == 1
    out, err = capsys.readouterr()
    records = [json.loads(row) for row in out.splitlines()]
    assert ["sessions", "fail"] in [[record["topic"], record["level"]] for record in records]
    assert err.endswith(" failed.\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("there is none", "warn  key       there is none. Set one."),
        ("Did you mean x?", "warn  key       Did you mean x? Set one."),
    ],
)
def test_advice_is_appended_as_a_sentence(text: str, line: str) -> None:
    assert verdict_lines("key", Verdict("warn", text, "Set one."), None) == [line]


def test_long_line_is_folded_between_words() -> None:
    folded = verdict_lines("key", Verdict("ok", "there is one " + "/a-long-path" * 5), 40)
    assert folded == ["ok    key       there is one", " " * 16 + "/a-long-path" * 5]


@pytest.mark.parametrize("arguments", [["--help"], ["--json", "--help"]])
def test_help_explains_the_levels(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    assert ended.value.code == 0
    assert "ok, warn, or fail" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["doctor", "now"], ["doctor", "--model", "x"], ["docter"]])
def test_wrong_usage_of_doctor_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "doctor" in capsys.readouterr().err
