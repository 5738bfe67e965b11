"""Folders in which tools keep the sessions of a project."""

from __future__ import annotations

import pytest

from aloop.export.tools.folders import claude_slug, pi_slug


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/work/a.b_c", "-work-a-b-c"),
        ("/work/😀 é", "-work-----"),  # two units of UTF-16, a space and a letter
        ("/" + "z" * 199, "-" + "z" * 199),
    ],
)
def test_claude_slug_has_a_dash_for_each_other_unit(path: str, slug: str) -> None:
    assert claude_slug(path) == slug


# The digests were computed by the code of Claude Code 2.1.197.
@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/" + "z" * 200, "-" + "z" * 199 + "-6zubpt"),
        (f"/{'x' * 120}/{'y' * 120}", f"-{'x' * 120}-{'y' * 78}-cd7n8g"),
        ("/" + "😀" * 110, "-" * 200 + "-kaqd5"),
    ],
)
def test_claude_slug_of_a_long_path_ends_with_a_digest(path: str, slug: str) -> None:
    assert claude_slug(path) == slug


def test_pi_slug_replaces_separators_only() -> None:
    assert pi_slug("/work/a b:c\\d[é]") == "--work-a b-c-d[é]--"
