"""Aliases and suggestions for names of models."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aloop.llm.anthropic.client import MODELS
from aloop.llm.models.names import closest_model, resolve_alias, sdk_models

NAMES = ("claude-fable-5-2", "claude-haiku-5-5", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8")


def test_list_is_the_one_of_the_sdk() -> None:
    assert sdk_models() == MODELS


def test_sdk_is_not_imported_for_its_list() -> None:
    code = "import sys; from aloop.llm.models.names import *; print(len(sdk_models()), 'anthropic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(sdk_models())} False\n"


@pytest.mark.parametrize(
    ("name", "model"),
    [("opus", "claude-opus-5-5"), ("Haiku", "claude-haiku-5-5"), ("sonnet", "sonnet"), ("claude-x", "claude-x")],
)
def test_alias_is_the_newest_of_its_line(name: str, model: str) -> None:
    assert resolve_alias(name, NAMES) == model


@pytest.mark.parametrize(
    ("name", "model"), [("claude-opus-55", "claude-opus-5-5"), ("opsu", "opus"), ("gpt-oss", None), ("x", None)]
)
def test_closest_name_is_suggested_only_if_it_is_close(name: str, model: str | None) -> None:
    assert closest_model(name, NAMES) == model
