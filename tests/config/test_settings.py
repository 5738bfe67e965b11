"""Settings from the environment and the config file together."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.config.settings import Settings
from aloop.config.values import Endpoint, Prices, SandboxSettings
from aloop.llm import create_llm
from tests.program import run
from tests.stub import StubServer

ROOT = Path(__file__).parents[2]


def test_config_file_sets_values_that_the_environment_does_not(config: Path) -> None:
    config.write_text('model = "some-model"\nbase_url = "http://localhost:1"\nediting_mode = "vi"\n')
    settings = Settings.from_env()
    assert (settings.model, settings.base_url, settings.editing_mode) == ("some-model", "http://localhost:1", "vi")


def test_environment_overrides_the_config_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('model = "some-model"\nbase_url = "http://localhost:1"\n')
    monkeypatch.setenv("ALOOP_MODEL", "another")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:2")
    settings = Settings.from_env()
    assert (settings.model, settings.base_url) == ("another", None)


def test_base_url_of_the_config_file_is_used_for_requests(
    config: Path, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.script("Hello.")
    monkeypatch.setenv("ANTHROPIC_API_KEY", stub.env["ANTHROPIC_API_KEY"])
    config.write_text(f'base_url = "{stub.env["ANTHROPIC_BASE_URL"]}"\n')
    assert run("--task", "Hi")[:2] == (0, "Hello.\n")


def test_settings_are_not_read_from_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (".config/aloop", ".aloop", "aloop"):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "config.toml").write_text('model = "offline"\nbase_url = "http://evil"\n')
    Path(".env").write_text("ANTHROPIC_API_KEY=sk-project\nALOOP_MODEL=evil\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", ".config")
    settings = Settings.from_env()
    assert (settings.model, settings.base_url, settings.has_credentials) == (None, None, False)
    assert create_llm(settings=settings).model == "offline"


def test_settings_of_servers_and_costs_are_read_with_their_units(config: Path) -> None:
    config.write_text(
        'stall_timeout = 90\ncache_ttl = "1h"\neffort = "high"\nmax_cost = 2.5\n'
        '[endpoints.router]\nbase_url = "https://router.example/api"\napi_key_env = "ROUTER_KEY"\nauth = "x-api-key"\n'
        '[endpoints.aws]\nkind = "bedrock"\nregion = "eu-west-1"\n'
        '[prices."router/big"]\ninput = 3\noutput = 15.1\n'
    )
    settings = Settings.from_env()
    assert (settings.stall_timeout, settings.cache_ttl, settings.effort) == (90.0, "1h", "high")
    assert settings.max_cost == Decimal("2.5")
    assert settings.endpoints == {
        "router": Endpoint("router", "anthropic", "https://router.example/api", "ROUTER_KEY", "x-api-key"),
        "aws": Endpoint("aws", "bedrock", region="eu-west-1"),
    }
    assert settings.prices == {"router/big": Prices(Decimal(3), Decimal("15.1"))}


def test_missing_config_file_imports_neither_its_reader_nor_the_toml_parser() -> None:
    code = """if True:
        import sys
        from aloop.config.settings import Settings
        Settings.from_env()
        sys.exit(" ".join({"tomllib", "aloop.config.config_file"} & {*sys.modules}) or 0)
    """
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_home_that_is_not_a_folder_has_no_settings() -> None:
    assert Settings.from_env({"HOME": "/dev/null"}).model is None


def test_sandbox_settings_are_read_together(config: Path) -> None:
    assert Settings.from_env().sandbox == SandboxSettings("auto", has_network=False, writable=())
    config.write_text('sandbox = "require"\nsandbox_network = true\nsandbox_write = ["/opt/x", "~/.cache/go-build"]')
    writable = (Path("/opt/x"), Path.home() / ".cache" / "go-build")
    assert Settings.from_env().sandbox == SandboxSettings("require", has_network=True, writable=writable)
