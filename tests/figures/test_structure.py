"""The scripts that measure the source tree and the session format."""

from __future__ import annotations

import pytest

from tests.figures.session_format import HERE, PROMISES, ROOT
from tests.figures.structure import import_cycles, line_counts, modules_per_folder
from tests.figures.traces import TARGETS, trace_actions


def test_import_cycles_are_found_at_any_length() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}, "f": {"a"}}
    assert list(import_cycles(graph)) == [{"a", "b", "c"}, {"d", "e"}]


def test_counts_cover_the_three_packages() -> None:
    counts = line_counts("aloop", "commands", "repl")
    assert {name.partition("/")[0] for name in counts} == {"aloop", "commands", "repl"}
    assert modules_per_folder()["commands/builtin"] > 10


@pytest.mark.parametrize("name", [name for promise in PROMISES for name in promise.files if name])
def test_file_behind_a_promise_exists(name: str) -> None:
    assert (ROOT / HERE / name).is_file()


@pytest.mark.slow
async def test_every_action_is_traced() -> None:
    traces = await trace_actions()
    assert traces.keys() == TARGETS.keys()
    assert all(trace.files for trace in traces.values())
