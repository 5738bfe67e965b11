"""Names of models at named servers."""

from __future__ import annotations

import pytest

from aloop.llm.models.endpoints import Endpoint, find_endpoint, server_root

GATEWAY = Endpoint("gw", base_url="https://gw.example", api_key_env="GW_KEY")


def test_name_before_the_slash_is_the_endpoint() -> None:
    assert find_endpoint("gw/vendor/model:free", {"gw": GATEWAY}) == (GATEWAY, "vendor/model:free")


def test_usual_local_servers_need_no_settings() -> None:
    found = find_endpoint("ollama/llama3", {})
    assert found is not None
    assert found[0].base_url == "http://127.0.0.1:11434"


@pytest.mark.parametrize("model", ["claude-opus-5-5", "gw", "gw/", "other/model"])
def test_other_names_have_no_endpoint(model: str) -> None:
    assert find_endpoint(model, {"gw": GATEWAY}) is None


@pytest.mark.parametrize("url", ["https://a.example/x", "https://a.example/x/v1", "https://a.example/x/v1/messages/"])
def test_base_url_may_end_as_documentation_shows_it(url: str) -> None:
    assert server_root(url) == "https://a.example/x"
