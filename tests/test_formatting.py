"""Counts, sizes, money, times and progress in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.formatting import (
    age,
    display_path,
    duration_text,
    expand_home,
    format_dollars,
    format_time,
    home_folder,
    megabytes,
    quantity,
    thousands,
)

NOON = datetime(2025, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(("count", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_000, "1,000 files")])
def test_quantity_uses_the_plural_except_for_one(count: int, text: str) -> None:
    assert quantity(count, "file") == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [(0, "0"), (999, "999"), (1_000, "1.0k"), (9_949, "9.9k"), (10_000, "10k"), (1_499_999, "1500k")],
)
def test_thousands_of_tokens_have_about_four_characters(tokens: int, text: str) -> None:
    assert thousands(tokens) == text


def test_megabytes_are_rounded_and_separated() -> None:
    assert megabytes(1_234_560_000) == "1,235 MB"


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        ("0", "$0.00"),
        ("12.346", "$12.35"),
        ("0.01", "$0.01"),
        ("0.0031", "$0.0031"),
        ("0.0001", "$0.0001"),
        ("0.000001", "<$0.0001"),
    ],
)
def test_dollars_have_two_decimals_or_four_below_one_cent(dollars: str, text: str) -> None:
    assert format_dollars(Decimal(dollars)) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(40, "0.0 s"), (59_940, "59.9 s"), (65_000, "1 min 5 s"), (3_725_000, "1 h 2 min")]
)
def test_duration_text_is_rounded_by_length(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


@pytest.mark.parametrize("year", [1, 9999])
def test_format_time_accepts_years_1_and_9999(year: int) -> None:
    for hours in (-14, 14):
        moment = datetime(year, 12 if year > 1 else 1, 31 if year > 1 else 1, tzinfo=timezone(timedelta(hours=hours)))
        assert format_time(moment)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=2, minutes=59), "2 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=14), "14 days ago"),
    ],
)
def test_age_of_a_recent_time_is_relative(before: timedelta, words: str) -> None:
    assert age(NOON - before, NOON) == words


@pytest.mark.parametrize("then", [NOON - timedelta(days=15), NOON + timedelta(days=3)])
def test_age_of_a_distant_time_is_a_date(then: datetime) -> None:
    assert age(then, NOON) == then.astimezone().date().isoformat()


@pytest.mark.parametrize(
    ("home", "path", "shown"),
    [
        ("/home/ada", "/home/ada/talk.html", "~/talk.html"),
        ("/home/ada/", "/home/ada/talk.html", "~/talk.html"),
        ("/home/ada", "/home/ada", "~"),
        ("/home/ada", "/home/adam/talk.html", "/home/adam/talk.html"),
        ("/home/ada", "talk.html", "talk.html"),
        ("/", "/etc/passwd", "/etc/passwd"),
        ("", "/etc/passwd", "/etc/passwd"),
    ],
)
def test_displayed_path_has_a_tilde_for_the_home_directory(
    home: str, path: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    assert display_path(path) == display_path(Path(path)) == shown


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("~", "/home/ada"),
        ("~/talk.html", "/home/ada/talk.html"),
        ("~//talk.html", "/home/ada/talk.html"),
        ("~no-such-user/talk.html", "~no-such-user/talk.html"),
        ("a/~", "a/~"),
        ("", "."),
    ],
)
def test_expanded_path_has_the_home_folder_of_a_known_user(
    path: str, expanded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert expand_home(path) == Path(expanded)


def test_missing_home_folder_is_the_null_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(_: int) -> object:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", no_entry)
    monkeypatch.delenv("HOME")
    assert home_folder() == Path("/dev/null")
    assert expand_home("~/talk.html") == Path("/dev/null/talk.html")
