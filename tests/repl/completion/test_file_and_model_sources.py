"""Tests of the catalog of models."""

from __future__ import annotations

from pathlib import Path

from repl.completion.file_and_model_sources import ModelCatalog, load_endpoint_models, load_models
from tests.stub import StubServer


def test_model_names_are_loaded_once_and_found_by_prefix() -> None:
    calls: list[str] = []

    def load() -> tuple[str, ...]:
        calls.append("load")
        return ("claude-a", "claude-b", "offline")

    catalog = ModelCatalog(load, lambda: calls.append("loaded"))
    assert calls == []
    catalog.find("")
    catalog.wait()
    assert catalog.find("Claude-") == ["claude-a", "claude-b"]
    assert catalog.find("x") == []
    assert calls == ["load", "loaded"]


def test_models_of_endpoints_are_added_when_their_servers_have_answered() -> None:
    calls: list[str] = []
    catalog = ModelCatalog(lambda: ("opus",), lambda: calls.append("loaded"), lambda: ("Router/opus-2",))
    catalog.find("")
    catalog.wait()
    assert catalog.find("") == ["opus", "Router/opus-2"]
    assert catalog.find("router/") == ["Router/opus-2"]
    assert calls == ["loaded", "loaded"]


def test_endpoint_models_are_those_that_its_server_lists(stub: StubServer, private_home: Path) -> None:
    assert load_endpoint_models() == ()
    stub.models = ["big", "small"]
    path = private_home / ".config" / "aloop" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[endpoints.router]\nbase_url = "{stub.url}"\n')
    assert load_endpoint_models() == ("router/big", "router/small")


def test_broken_sdk_offers_no_models() -> None:
    def load() -> tuple[str, ...]:
        raise ImportError("broken")

    catalog = ModelCatalog(load, lambda: None)
    catalog.find("")
    catalog.wait()
    assert catalog.find("") == []


def test_load_models_returns_the_aliases_and_the_models_of_the_sdk() -> None:
    names = load_models()
    assert "opus" in names
    assert "claude-sonnet-5-5" in names
    assert names[-1] == "offline"
