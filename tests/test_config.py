"""Settings from the config file and the environment, and errors in the file."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.config import (
    Endpoint,
    Prices,
    SandboxSettings,
    Settings,
    config_path,
    read_config_file,
    state_dir,
)
from aloop.errors import UsageError
from aloop.llm import create_llm
from tests.program import run
from tests.stub import StubServer

ROOT = Path(__file__).parents[1]


@pytest.fixture
def config(private_home: Path) -> Path:
    path = private_home / ".config" / "aloop" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def test_missing_config_file_gives_no_settings(config: Path) -> None:
    assert read_config_file(config) == {}


def test_home_that_is_not_a_folder_keeps_state_in_a_private_temporary_one(tmp_path: Path) -> None:
    env = {"HOME": "/dev/null", "TMPDIR": str(tmp_path)}
    folder = tmp_path / f"aloop-{os.getuid()}"
    assert state_dir(env) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert state_dir(env) == Path("/dev/null/.local/state")
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert state_dir(env) == Path("/dev/null/.local/state")
    assert state_dir(env | {"XDG_STATE_HOME": "/elsewhere"}) == Path("/elsewhere")


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


def test_absolute_xdg_config_home_locates_the_config_file(tmp_path: Path) -> None:
    assert config_path({"XDG_CONFIG_HOME": "/etc/xdg"}, tmp_path) == Path("/etc/xdg/aloop/config.toml")


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


def test_missing_config_file_does_not_import_the_toml_parser() -> None:
    code = "import sys; from aloop.config import Settings; Settings.from_env(); sys.exit('tomllib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_sandbox_settings_are_read_together(config: Path) -> None:
    assert Settings.from_env().sandbox == SandboxSettings("auto", has_network=False, writable=())
    config.write_text('sandbox = "require"\nsandbox_network = true\nsandbox_write = ["/opt/x", "~/.cache/go-build"]')
    writable = (Path("/opt/x"), Path.home() / ".cache" / "go-build")
    assert Settings.from_env().sandbox == SandboxSettings("require", has_network=True, writable=writable)
