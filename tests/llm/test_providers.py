"""The choice of a model by name, settings and environment."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aloop.config.settings import Settings
from aloop.config.values import DEFAULT_MODEL, AuthScheme, Endpoint, EndpointKind
from aloop.errors import LLMError, MissingCredentials, ModelNotFound, UsageError
from aloop.llm import OfflineLLM, create_llm
from aloop.llm.base import LLM, ModelNote, Reply, StreamEvent, SupportsEffort, TextDelta, ToolSpec
from aloop.llm.lazy import LazyLLM
from aloop.llm.message_types import LLMMessage
from aloop.llm.models.names import resolve_alias
from tests.stub import HTTPError, Plain, StubServer, Text


def settings(**env: str) -> Settings:
    return Settings.from_env({"HOME": "/nowhere"} | env)


def test_offline_model_needs_no_credentials() -> None:
    assert isinstance(create_llm("offline", settings()), OfflineLLM)


def test_default_model_without_credentials_is_the_offline_demo() -> None:
    assert create_llm(settings=settings()).provider == "offline"


def test_default_model_with_credentials_is_anthropic() -> None:
    llm = create_llm(settings=settings(ANTHROPIC_API_KEY="k"))
    assert (llm.model, llm.provider) == (DEFAULT_MODEL, "anthropic")


def test_named_model_overrides_the_settings() -> None:
    chosen = settings(ANTHROPIC_API_KEY="k", ALOOP_MODEL="claude-a")
    assert create_llm(settings=chosen).model == "claude-a"
    assert create_llm("claude-b", chosen).model == "claude-b"
    assert create_llm("offline", chosen).provider == "offline"


@pytest.mark.parametrize(("model", "env"), [("claude-x", {}), (None, {"ALOOP_MODEL": "claude-x"})])
def test_named_model_without_credentials_raises_with_a_hint(model: str | None, env: dict[str, str]) -> None:
    with pytest.raises(MissingCredentials, match=r"claude-x.*export ANTHROPIC_API_KEY=.*--model offline"):
        create_llm(model, settings(**env))


def test_empty_model_name_is_refused() -> None:
    with pytest.raises(UsageError):
        create_llm("", settings())


def test_alias_is_the_full_name_of_the_newest_model() -> None:
    llm = create_llm("opus", settings(ANTHROPIC_API_KEY="k"))
    assert llm.model == resolve_alias("opus") != "opus"


def with_endpoint(endpoint: Endpoint, **changes: Any) -> Settings:
    return settings()._replace(endpoints={endpoint.name: endpoint}, **changes)


def test_endpoint_without_its_key_is_refused_with_the_name_of_the_variable() -> None:
    chosen = with_endpoint(Endpoint("router", base_url="https://router.example", api_key_env="ROUTER_KEY"))
    with pytest.raises(MissingCredentials, match=r"endpoint router needs a key. Set it with `export ROUTER_KEY=…`"):
        create_llm("router/big", chosen)


@pytest.mark.parametrize(("auth", "header"), [("bearer", "authorization"), ("x-api-key", "x-api-key")])
async def test_model_of_an_endpoint_is_asked_there_with_its_own_key(
    auth: AuthScheme, header: str, stub: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROUTER_KEY", "router-secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-secret")
    stub.script(Text("Hello."))
    endpoint = Endpoint("router", base_url=f"{stub.url}/v1", api_key_env="ROUTER_KEY", auth=auth)
    llm = create_llm("router/vendor/big", with_endpoint(endpoint, history_file=tmp_path / "history"))
    assert (llm.model, llm.provider) == ("router/vendor/big", "router")
    (*_, reply) = [event async for event in llm.stream([LLMMessage("user", "hi")])]
    await llm.aclose()
    (request,) = stub.requests
    assert request.body["model"] == "vendor/big"
    assert request.headers[header].removeprefix("Bearer ") == "router-secret"
    assert "another-secret" not in str(request.headers)
    assert isinstance(reply, Reply)
    assert reply.message.model == "router/vendor/big"


def test_unknown_endpoint_is_refused_unless_a_gateway_may_have_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(ANTHROPIC_API_KEY="k")
    with pytest.raises(ModelNotFound, match=r"No endpoint is named 'router'. Add \[endpoints.router\] to the settings"):
        create_llm("router/big", chosen)
    assert create_llm("router/big", chosen._replace(base_url="https://gateway.example")).provider == "anthropic"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://gateway.example")
    assert create_llm("router/big", chosen).model == "router/big"


async def failure_of(endpoint: Endpoint, tmp_path: Path) -> LLMError:
    llm = create_llm(f"{endpoint.name}/claude-x", with_endpoint(endpoint, history_file=tmp_path / "history"))
    with pytest.raises(LLMError) as caught:
        _ = [event async for event in llm.stream([LLMMessage("user", "hi")])]
    await llm.aclose()
    return caught.value


@pytest.mark.parametrize(
    ("kind", "path"),
    [("bedrock", "/model/claude-x/"), ("vertex", "/projects/p/"), ("foundry", "/v1/messages")],
)
async def test_endpoint_of_a_platform_uses_its_own_paths_and_explains_a_rejection(
    kind: EndpointKind, path: str, stub: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLOUD_KEY", "cloud-secret")
    stub.script(HTTPError(404, "no such deployment"))
    endpoint = Endpoint("cloud", kind, stub.url, "CLOUD_KEY", region="eu-west-1", project="p")
    error = await failure_of(endpoint, tmp_path)
    assert "no such " in str(error)
    (request,) = stub.requests
    assert request.path.startswith(path)
    assert "cloud-secret" in str(request.headers)


@pytest.mark.parametrize("kind", ["bedrock", "vertex"])
async def test_platform_without_its_package_is_explained(
    kind: EndpointKind, stub: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("botocore", "boto3", "google.auth"):
        monkeypatch.setitem(sys.modules, name, None)
    error = await failure_of(Endpoint("cloud", kind, stub.url, region="eu-west-1", project="p"), tmp_path)
    assert str(error).startswith("The endpoint cloud needs a package that is not installed (")
    assert str(error).endswith(f"Install it with `pip install 'anthropic[{kind}]'`.")
    assert "\n" not in str(error)


async def test_web_page_of_a_platform_is_explained(
    stub: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLOUD_KEY", "cloud-secret")
    stub.script(Plain(200, "<html><title>Sign in</title></html>"))
    error = await failure_of(Endpoint("cloud", "foundry", stub.url, "CLOUD_KEY"), tmp_path)
    assert "answered with a web page (Sign in)" in str(error)


@pytest.mark.parametrize("file", ["/nowhere/ca.pem", __file__])
async def test_unusable_certificate_file_is_explained_and_not_raised_by_the_loading(
    file: str, stub: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", file)
    error = await failure_of(Endpoint("near", base_url=stub.url), tmp_path)
    assert str(error).startswith(f"SSL_CERT_FILE names {file!r}, which ")


async def test_endpoint_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    error = await failure_of(Endpoint("router", base_url="http://127.0.0.1:9"), tmp_path)
    assert str(error).endswith("Check the network, and the base_url of the endpoint router.")


async def test_proxy_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    error = await failure_of(Endpoint("router", base_url="https://router.example"), tmp_path)
    assert str(error).endswith("Check the network, https_proxy, and the base_url of the endpoint router.")


async def test_server_on_this_machine_needs_no_settings_and_no_key(stub: StubServer, tmp_path: Path) -> None:
    chosen = with_endpoint(Endpoint("ollama", base_url=stub.url), history_file=tmp_path / "history")
    llm = create_llm("ollama/qwen", chosen)
    assert [event async for event in llm.stream([LLMMessage("user", "hi")])]
    await llm.aclose()
    assert create_llm("lmstudio/qwen", settings()).provider == "lmstudio"


async def test_settings_of_requests_reach_the_server(
    stub: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    chosen = settings(ANTHROPIC_API_KEY="k")._replace(
        base_url=stub.url,
        effort="high",
        cache_ttl="1h",
        history_file=tmp_path / "state" / "history",
    )
    llm = create_llm("claude-x", chosen)
    assert [event async for event in llm.stream([LLMMessage("system", "Be brief."), LLMMessage("user", "hi")])]
    await llm.aclose()
    (request,) = stub.requests
    assert request.body["output_config"] == {"effort": "high"}
    assert '"ttl": "1h"' in json.dumps(request.body)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["models.json"]


def test_settings_default_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert create_llm().model == "offline"
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "t")
    assert create_llm().model == DEFAULT_MODEL


def test_create_llm_does_not_load_the_sdk() -> None:
    program = (
        "import sys; from aloop.llm import create_llm; llm = create_llm('claude-x');"
        "sys.exit(bool({'anthropic', 'httpx2', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], env={"ANTHROPIC_API_KEY": "k", "HOME": "/"}, check=True, cwd=_ROOT)


async def test_created_model_answers(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stub.env.items():
        monkeypatch.setenv(name, value)
    stub.script(Text("hello world"))
    llm = create_llm("claude-x")
    events = [event async for event in llm.stream([LLMMessage("user", "hi")])]
    await llm.aclose()
    assert events[:2] == [TextDelta("hello "), TextDelta("world")]
    assert stub.requests[0].body["model"] == "claude-x"


async def test_lazy_model_is_loaded_once_and_off_the_event_loop() -> None:
    threads: list[int] = []

    def load() -> LLM:
        threads.append(threading.get_ident())
        return OfflineLLM(delay=0)

    llm = LazyLLM("m", "p", load)
    await llm.aclose()
    assert threads == []
    for _ in range(2):
        assert [event async for event in llm.stream([LLMMessage("user", "hi")])]
    assert llm.preload() is llm.preload()
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_closing_a_lazy_stream_closes_the_inner_stream() -> None:
    closed: list[str] = []

    class Watched(OfflineLLM):
        async def stream(
            self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
        ) -> AsyncIterator[StreamEvent]:
            try:
                yield TextDelta("one")
                yield Reply(LLMMessage("assistant", "one"), "end_turn")
            finally:
                closed.append("closed")

    events = LazyLLM("m", "p", Watched).stream([])
    assert await anext(events) == TextDelta("one")
    await events.aclose()  # type: ignore[attr-defined] # the generator that every stream is
    assert closed == ["closed"]


_ROOT = Path(__file__).parents[2]


class Graded(OfflineLLM):
    """A model with two effort levels."""

    def __init__(self, effort: str | None = None) -> None:
        super().__init__()
        self.effort = effort
        self.efforts = ("low", "high")

    async def learn_limits(self) -> None:
        """Do nothing: the levels are known."""


async def notes(llm: LLM) -> list[str]:
    events = [event async for event in llm.stream([LLMMessage("user", "Hi")])]
    return [event.text for event in events if isinstance(event, ModelNote)]


def test_effort_of_the_settings_reaches_the_model() -> None:
    llm = create_llm("claude-test", settings(ANTHROPIC_API_KEY="k")._replace(effort="high"))
    assert isinstance(llm, LazyLLM)
    inner = llm.preload()
    assert isinstance(inner, SupportsEffort)
    assert (llm.effort, inner.effort) == ("high", "high")


async def test_effort_is_passed_to_the_loaded_model_with_the_next_request() -> None:
    inner = Graded("high")
    llm = LazyLLM("m", "p", lambda: inner, effort="high")
    efforts = []
    for level in ("high", None, "low"):
        llm.effort = level
        assert await notes(llm) == []
        efforts.append(inner.effort)
    assert efforts == ["high", None, "low"]


async def test_unsupported_effort_of_the_settings_is_reported_once_and_left_out() -> None:
    inner = Graded("max")
    llm = LazyLLM("m", "p", lambda: inner, effort="max")
    assert await notes(llm) == [
        "The model m does not support the effort 'max', so its default is used. Its levels are low, high."
    ]
    assert await notes(llm) == []
    assert (llm.effort, inner.effort) == (None, None)


def test_effort_of_the_settings_reaches_the_model_of_an_endpoint() -> None:
    chosen = settings()._replace(endpoints={"gw": Endpoint("gw", base_url="http://127.0.0.1:9")}, effort="low")
    llm = create_llm("gw/special", chosen)
    assert isinstance(llm, LazyLLM)
    inner = llm.preload()
    assert isinstance(inner, SupportsEffort)
    assert (llm.effort, inner.effort) == ("low", "low")
