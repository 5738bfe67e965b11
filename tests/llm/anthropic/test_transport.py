"""Proxies, certificates and silence."""

from __future__ import annotations

import pytest

from aloop.llm.anthropic.transport import environment_problem, is_loopback, patience_for


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "localhost,127.0.0.1,.example,::1,10.0.0.0/8"},
        {"https_proxy": "proxy.example:3128"},
        {"SSL_CERT_FILE": __file__},
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
    ],
)
def test_unusable_variable_is_named_in_one_sentence(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.llm.anthropic.transport.find_spec", lambda _: None)
    problem = environment_problem(env)
    assert problem is not None
    assert problem.startswith(next(iter(env)))
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost:11434/v1", True),
        ("http://[::1]:80", True),
        ("https://api.anthropic.com", False),
        ("http://192.168.1.5", False),
    ],
)
def test_loopback_servers_are_recognised(url: str, near: bool) -> None:
    assert is_loopback(url) is near


def test_server_on_this_machine_may_read_for_ten_minutes() -> None:
    assert patience_for("http://127.0.0.1:1") == (600.0, 300.0)
    assert patience_for("https://api.example") == (300.0, 300.0)
    assert patience_for("https://api.example", 20.0) == (20.0, 20.0)
