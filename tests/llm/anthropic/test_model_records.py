"""The records of models, also of servers that have other values in them."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.anthropic.model_records import limits_of, windows_of
from aloop.llm.base import DEFAULT_CONTEXT_WINDOW
from aloop.llm.models.limits import ModelLimits
from tests.stub import StubServer

NOW = 1_000.0
UNKNOWN = ModelLimits(adaptive_thinking=True, asked_at=NOW)


def limits(record: Any) -> ModelLimits | None:
    return limits_of(json.dumps(record).encode(), "claude-test", NOW)


def supported(*levels: str, all_of_it: bool = True) -> dict[str, Any]:
    return {"supported": all_of_it} | {level: {"supported": True} for level in levels}


def test_record_of_the_api_has_all_limits() -> None:
    adaptive = {"types": {"adaptive": {"supported": False}}}
    capabilities = {"effort": supported("low", "max"), "thinking": adaptive}
    record = {"max_input_tokens": 1_000_000, "max_tokens": 64_000, "capabilities": capabilities}
    assert limits(record) == ModelLimits(1_000_000, 64_000, ("low", "max"), adaptive_thinking=False, asked_at=NOW)


def test_model_without_effort_differs_from_one_with_unknown_levels() -> None:
    efforts = [limits({"capabilities": {"effort": supported(all_of_it=is_any)}}) for is_any in (False, True)]
    assert [found and found.efforts for found in efforts] == [(), None]


@pytest.mark.parametrize(
    "record",
    [
        *({"max_input_tokens": count, "max_tokens": count} for count in ("many", -5, 1e30, 10**30, [1], True, None)),
        *({"capabilities": value} for value in (["tools"], {}, "all", None, {"effort": True, "thinking": [1]})),
        {"capabilities": {"effort": {"high": True}, "thinking": {"types": {"adaptive": "yes"}}}},
        {},
    ],
    ids=str,
)
def test_odd_values_count_as_unknown(record: Any) -> None:
    assert limits(record) == UNKNOWN


@pytest.mark.parametrize("body", [[], ["a"], "text", None, 5], ids=str)
def test_other_json_is_neither_a_record_nor_a_list(body: Any) -> None:
    assert limits(body) is None
    assert windows_of(json.dumps(body).encode()) is None


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff", b"[" * 100_000])
def test_other_bytes_raise_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        limits_of(body, "claude-test", NOW)
    with pytest.raises(ValueError, match=r"\w"):
        windows_of(body)


def test_list_keeps_the_models_that_have_a_name() -> None:
    data = [
        {"id": "a", "max_input_tokens": 9},
        "b",
        None,
        {},
        {"id": None},
        {"id": ""},
        {"id": "c", "max_input_tokens": "x"},
    ]
    assert windows_of(json.dumps({"data": data}).encode()) == {"a": 9, "c": 0}
    assert windows_of(json.dumps({"models": data}).encode()) is None


async def test_server_with_an_odd_window_is_asked_as_usual(stub: StubServer, llm: AnthropicLLM) -> None:
    stub.window = cast("int", "many")
    await llm.learn_limits()
    assert llm.context_window == DEFAULT_CONTEXT_WINDOW
