"""Credentials of the API in the environment and in files of the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.config.credentials import has_credentials

FEDERATION = {
    "ANTHROPIC_FEDERATION_RULE_ID": "rule",
    "ANTHROPIC_ORGANIZATION_ID": "org",
    "ANTHROPIC_IDENTITY_TOKEN": "token",
}


@pytest.mark.parametrize(
    "env",
    [
        {"ANTHROPIC_API_KEY": "k"},
        {"ANTHROPIC_AUTH_TOKEN": "t"},
        {"ANTHROPIC_PROFILE": "work"},
        FEDERATION,
        {key: value for key, value in FEDERATION.items() if "TOKEN" not in key}
        | {"ANTHROPIC_IDENTITY_TOKEN_FILE": "/run/token"},
    ],
)
def test_credentials_in_the_environment_are_found(env: dict[str, str]) -> None:
    assert has_credentials({"HOME": "/nowhere"} | env)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"ANTHROPIC_API_KEY": ""},
        {"ANTHROPIC_API_KEY": " "},
        {"ANTHROPIC_BASE_URL": "http://localhost"},
        *({key: value for key, value in FEDERATION.items() if key != missing} for missing in FEDERATION),
    ],
)
def test_incomplete_credentials_do_not_count(env: dict[str, str]) -> None:
    assert not has_credentials({"HOME": "/nowhere"} | env)


@pytest.mark.parametrize("name", ["active_config", "configs/default.json"])
def test_stored_profile_counts_as_credentials(tmp_path: Path, name: str) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / ".config" / "anthropic", elsewhere):
        (folder / name).parent.mkdir(parents=True)
        assert not has_credentials({"HOME": str(home), "ANTHROPIC_CONFIG_DIR": str(folder)})
        (folder / name).write_text("work")
        assert has_credentials({"HOME": "/nowhere", "ANTHROPIC_CONFIG_DIR": str(folder)})
    assert has_credentials({"HOME": str(home)})
