"""Tests of the catalog of models."""

from __future__ import annotations

from repl.completion.file_and_model_sources import ModelCatalog, load_models


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


def test_broken_sdk_offers_no_models() -> None:
    def load() -> tuple[str, ...]:
        raise ImportError("broken")

    catalog = ModelCatalog(load, lambda: None)
    catalog.find("")
    catalog.wait()
    assert catalog.find("") == []


def test_load_models_returns_the_models_of_the_sdk() -> None:
    names = load_models()
    assert "claude-sonnet-5-5" in names
    assert names[-1] == "offline"
