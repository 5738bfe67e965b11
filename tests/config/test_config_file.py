"""Errors in the config file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.config.config_file import read_config_file
from aloop.config.settings import Settings
from aloop.errors import UsageError


def test_missing_config_file_gives_no_settings(config: Path) -> None:
    assert read_config_file(config) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('modle = "x"', "Unknown setting 'modle'. Did you mean 'model'?"),
        ('api_key = "x"', "The settings are model, base_url, editing_mode, verbose, thinking, plain, "),
        ("model = 3", "model must be a non-empty string"),
        ('model = " "', "model must be a non-empty string"),
        ('base_url = "localhost"', "base_url must start with https://"),
        ('plain = "yes"', "plain must be true or false"),
        ('editing_mode = "ed"', "editing_mode must be emacs or vi"),
        ("model = ", "is not valid TOML: "),
        ('verbose = "yes"', "verbose must be true or false"),
        ("stall_timeout = 0", "stall_timeout must be a positive number of seconds"),
        ("stall_timeout = inf", "stall_timeout must be a positive number of seconds"),
        ("stall_timeout = true", "stall_timeout must be a positive number of seconds"),
        ('max_cost = "2"', "max_cost must be a positive number of dollars"),
        ('notify = "loud"', "notify must be off, bell or desktop"),
        ('sandbox = "on"', "sandbox must be auto, require or off"),
        ("sandbox = true", "sandbox must be auto, require or off"),
        ("sandbox_network = 1", "sandbox_network must be true or false"),
        ('sandbox_write = "~/.cache"', "sandbox_write must be a list of folders"),
        ('sandbox_write = ["cache"]', "each beginning with / or ~/"),
        ("terminal_title = 1", "terminal_title must be true or false"),
        ("notify = false", "notify must be off, bell or desktop"),
        ("stall_timeout = 1e400", "stall_timeout must be a positive number of seconds"),
        ('theme = "blue"', "theme must be auto, dark or light"),
        ('toolbar = "model"', "toolbar must be a list of strings"),
        ('toolbar = ["modl"]', "Unknown part 'modl' in toolbar. Did you mean 'model'?"),
        ('keys = "x"', "keys must be a table of strings"),
        ("[keys]\nexpand = 1", "keys must be a table of strings"),
        ('[keys]\nexpnd = "f2"', r"Unknown action 'expnd' in \[keys\]. Did you mean 'expand'?"),
        ('[keys]\nexpand = "o"', r"expand in \[keys\]: 'o' is not a key"),
        ('cache_ttl = "2h"', "cache_ttl must be 5m or 1h"),
        ('effort = "most"', "effort must be low, medium, high, xhigh or max"),
        ("effort = 1", "effort must be low, medium, high, xhigh or max"),
        ("endpoints = 1", r"endpoints must be tables such as \[endpoints.NAME\]"),
        ("[prices]\ninput = 1", r"prices must be tables such as \[prices.NAME\]"),
        ("[endpoints.x]", r"\[endpoints.x\] needs a base_url, or a kind other than anthropic"),
        ('[endpoints.x]\nbase_url = "localhost"', r"base_url in \[endpoints.x\] must start with https://"),
        ('[endpoints.x]\nkind = "azure"', r"kind in \[endpoints.x\] must be anthropic, bedrock, vertex or foundry"),
        ('[endpoints.x]\nauth = "basic"', r"auth in \[endpoints.x\] must be bearer or x-api-key"),
        ('[endpoints.x]\napi_key = "k"', r"Unknown key 'api_key' in \[endpoints.x\]. Did you mean 'api_key_env'"),
        ('[endpoints.x]\nregion = ""', r"region in \[endpoints.x\] must be a non-empty string"),
        ('[endpoints."a/b"]\nbase_url = "https://x"', "endpoint name 'a/b' may contain only letters"),
        ('[endpoints.local]\nbase_url = "https://x"', "An endpoint cannot be named 'local'"),
        ("[prices.m]\ninput = 1", r'\[prices."m"\] needs output, in dollars per million tokens'),
        ("[prices.m]\ninput = 1\noutput = -1", r'output in \[prices."m"\] must be a number of dollars'),
        ("[prices.m]\ncache = 1", r"Unknown key 'cache' in \[prices.\"m\"\]"),
    ],
)
def test_invalid_config_file_is_a_one_line_error_with_its_path(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        Settings.from_env()
    assert str(caught.value).startswith("~/.config/aloop/config.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('model = "x"\n\nplian = true\n', 3),
        ('# note\nplain = "yes"\n', 2),
        ('toolbar = [\n  "model",\n  "modl",\n]\nplain = true\n', 4),
        ('[keys]\nexpnd = "f2"\n', 2),
        ('[keys]\nexpand = "f2"\neditor = "x"\n', 3),
        ('plain = true\n[endpoints.a]\nkind = "foundry"\nauth = "none"\n', 4),
        ('plain = true\n[endpoints.a]\nauth = "bearer"\n', 2),
        ('[endpoints]\na = {kind = "bedrock"}\nb.knd = "bedrock"\n', 3),
        ("[prices.a]\ninput = 1\noutput = -1\n", 3),
        ('[keys]\nrewind = "f2"\nexpand = "o"\n', 3),
        ('[keys]\nrewind = "f2"\nexpand = "f2"\n', 3),
        ('[keys]\nexpand = "ctrl-z"\n', 2),
        ('model = "a\u2028b\x85c"\nplain = "yes"\n', 2),
    ],
)
def test_error_in_the_config_file_has_its_line(config: Path, text: str, line: int) -> None:
    config.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"^~/.config/aloop/config.toml, line {line}: "):
        Settings.from_env()


def test_unreadable_config_file_is_a_usage_error(config: Path) -> None:
    config.mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        Settings.from_env()
    config.rmdir()
    config.write_bytes(b"model = '\xff'")
    with pytest.raises(UsageError, match="not UTF-8"):
        Settings.from_env()
    config.unlink()
    os.mkfifo(config)
    with pytest.raises(UsageError, match="cannot be read: it is not a regular file"):
        Settings.from_env()


def test_deeply_nested_config_file_is_a_usage_error(config: Path) -> None:
    config.write_text(f"model = {'[' * 5_000}{']' * 5_000}")
    with pytest.raises(UsageError, match="nested too deeply"):
        Settings.from_env()


def test_home_that_is_not_a_folder_has_no_config_file() -> None:
    assert read_config_file(Path("/dev/null/.config/aloop/config.toml")) == {}
