"""Variables for proxies and certificates."""

from __future__ import annotations

import pytest

from aloop.llm.anthropic.environment import environment_problem


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "localhost,127.0.0.1,.example,::1,10.0.0.0/8"},
        {"https_proxy": "proxy.example:3128"},
        {"SSL_CERT_DIR": "/"},
    ],
)
def test_usable_environment_has_no_problem(env: dict[str, str]) -> None:
    assert environment_problem(env) is None


@pytest.mark.parametrize(
    "env",
    [
        {"ALL_PROXY": "socks5://127.0.0.1:1080"},
        {"HTTPS_PROXY": "ftp://proxy.example"},
        {"http_proxy": "http://[bad"},
        {"HTTPS_PROXY": "http://proxy.example:port"},
        {"NO_PROXY": "localhost,fe80::/10"},
        {"no_proxy": "[::1]"},
        {"SSL_CERT_FILE": "/nowhere/ca.pem"},
        {"SSL_CERT_DIR": "/nowhere"},
        {"SSL_CERT_FILE": __file__},
    ],
)
def test_unusable_variable_is_named_in_one_sentence(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.llm.anthropic.environment.find_spec", lambda _: None)
    problem = environment_problem(env)
    assert problem is not None
    assert problem.startswith(next(iter(env)))
    assert "\n" not in problem
