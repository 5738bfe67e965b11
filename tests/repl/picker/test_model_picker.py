"""Tests of the model picker: its rows, and its keys in a running shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.config.values import Endpoint
from aloop.llm.models import catalog
from aloop.llm.models.catalog import ModelChoice
from repl.pages.listing import model_cells, model_row
from repl.picker.model_picker import ModelRows
from tests.repl.conftest import SetStage, Stage
from tests.stub import StubServer

LEGEND = "Enter use · type to filter · Esc"
CHOICES = [
    ModelChoice("opus", "Anthropic API"),
    ModelChoice("router/big", "router.example"),
    ModelChoice("offline", ""),
]


def names(rows: ModelRows, height: int = 10) -> list[str]:
    return [choice.name for _, choice, _ in rows.window(height)]


def highlighted(rows: ModelRows) -> str:
    return rows.highlighted.name if rows.highlighted else ""


def test_model_in_use_is_highlighted_first() -> None:
    assert highlighted(ModelRows(CHOICES, "router/big")) == "router/big"
    assert highlighted(ModelRows(CHOICES, "unlisted")) == "opus"


@pytest.mark.parametrize(
    ("text", "found"),
    [("ROUTER", ["router/big"]), ("api", ["opus"]), ("big router", ["router/big"]), ("zzz", []), ("", None)],
)
def test_filter_finds_all_words_in_name_or_server(text: str, found: list[str] | None) -> None:
    rows = ModelRows(CHOICES)
    rows.set_filter(text)
    assert names(rows) == ([choice.name for choice in CHOICES] if found is None else found)
    assert (rows.highlighted is None) == (found == [])


def test_models_that_arrive_later_keep_the_filter_and_the_highlighted_row() -> None:
    rows = ModelRows(CHOICES)
    rows.set_filter("o")
    rows.move(1)
    rows.replace([*CHOICES, ModelChoice("ollama/qwen", "this machine"), ModelChoice("x", "y")])
    assert names(rows) == ["opus", "router/big", "offline", "ollama/qwen"]
    assert highlighted(rows) == "router/big"


def test_highlight_stops_at_the_ends_and_scrolls_the_window() -> None:
    rows = ModelRows(CHOICES)
    rows.move(99)
    assert (highlighted(rows), names(rows, height=2)) == ("offline", ["router/big", "offline"])
    rows.move(-99)
    assert (highlighted(rows), names(rows, height=2)) == ("opus", ["opus", "router/big"])


@pytest.fixture
def router(stub: StubServer, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> StubServer:
    """An endpoint in the settings, and the same server as one of this machine."""
    stub.models = ["big", "small"]
    path = private_home / ".config" / "aloop" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[endpoints.router]\nbase_url = "{stub.url}"\n')
    monkeypatch.setattr(catalog, "LOCAL_SERVERS", {"ollama": Endpoint("ollama", base_url=stub.url)})
    return stub


async def open_picker(shell: Stage) -> None:
    shell.type("/model\r")
    await shell.see(LEGEND)


async def wait_for_row(shell: Stage, starts: str) -> None:
    """Wait until a row on the screen starts with ``starts``."""
    await shell.terminal.wait_until(lambda: any(row.startswith(starts) for row in shell.terminal.screen), starts)


async def test_enter_uses_the_highlighted_model_of_a_server(stage: SetStage, router: StubServer) -> None:
    async with stage() as shell:
        await open_picker(shell)
        await shell.see("router/small")
        await shell.see("ollama/small")
        shell.type("rout")
        await wait_for_row(shell, "model: rout")
        await shell.see("2 of 5")
        shell.type("\x1b[B\r")
        await shell.see("The model is now router/small.")
        await shell.rest()
        assert LEGEND not in "\n".join(shell.terminal.screen)
        assert shell.terminal.screen[-1].startswith("router/small")


async def test_key_with_alt_edits_the_filter_and_does_not_close_the_picker(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/model\r")
        await shell.see(LEGEND)
        shell.type("off\x1bbx")  # Alt-B goes to the start of the word
        await shell.terminal.wait_until(lambda: "xoff" in " ".join(shell.terminal.screen), "the filter")


@pytest.mark.parametrize("key", ["\x1b", "\x03"])
async def test_closing_the_model_picker_changes_nothing(stage: SetStage, router: StubServer, key: str) -> None:
    async with stage() as shell:
        await open_picker(shell)
        await shell.see("ollama/small")
        shell.type(key)
        await shell.see("The current model is scripted-1.")
        await shell.rest()
        shown = "\n".join(shell.terminal.screen)
        assert "router/big" not in shown
        assert LEGEND not in shown
        shell.type("/model 1\r")
        await shell.see("The model is now offline.")


async def test_text_typed_before_the_model_picker_opens_is_its_filter(stage: SetStage, router: StubServer) -> None:
    async with stage() as shell:
        shell.type("/model\r")
        await shell.see("> /model")  # two lines at once would be a paste
        shell.type("offl")
        await wait_for_row(shell, "model: offl")
        shell.type("\r")
        await shell.see("The model is now offline.")


@pytest.mark.parametrize("width", [34, 60])
def test_narrow_row_of_a_model_has_no_cut_server(width: int) -> None:
    choice = ModelChoice("claude-sonnet-5-5", "Anthropic API", 200_000)
    row = model_row(*model_cells(choice), [choice, *CHOICES], width)
    assert row.startswith("claude-sonnet-5-5 ")
    assert ("Anthropic API" in row) == (width == 60)
    assert "…" not in row
    assert row.endswith("200k")
