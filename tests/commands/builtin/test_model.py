"""The commands of the model: /model, /system and /compact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aloop.config.values import Endpoint
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.models import catalog
from aloop.llm.models.names import resolve_alias
from aloop.memory import MemoryManager, SessionLibrary
from commands.dispatch import dispatch
from commands.pages import ModelList
from commands.session_browser import Choice, SessionBrowser
from tests.agent.scripted import ScriptedLLM, answer
from tests.commands.conftest import Bench, SetUp
from tests.local_model.installation import install_fake
from tests.saved_sessions import trust
from tests.stub import StubServer


@pytest.fixture
def key(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for the stub, in place of the API."""
    for name, value in stub.env.items():
        monkeypatch.setenv(name, value)


def infos(stage: Bench) -> str:
    return "\n".join(map(str, stage.view.of("info")))


async def talked(bench: SetUp, *more: object) -> Bench:
    stage = bench(answer("One."), answer("Two."), answer("Three."), *more)
    for line in ("one", "two", "three"):
        await dispatch(line, stage.context)
    return stage


async def stored_model(stage: Bench) -> str | None:
    memory = stage.memory
    return (await SessionLibrary(memory.sessions_dir).load(memory.session_id)).model


def add_endpoint(home: Path, url: str, name: str = "router", **keys: str) -> None:
    """Write the settings of an endpoint."""
    path = home / ".config" / "aloop" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"[endpoints.{name}]", *(f'{key} = "{value}"' for key, value in {"base_url": url, **keys}.items())]
    path.write_text("\n".join(lines))


async def test_model_shows_the_current_and_the_known_models(bench: SetUp, key: None, stub: StubServer) -> None:
    stage = bench()
    await dispatch("/model", stage.context)
    assert "The current model is scripted-1." in infos(stage)
    (names,) = stage.view.of("models")
    assert {"opus", "claude-sonnet-5-5", "offline"} <= set(names)  # type: ignore[call-overload] # a list of names


async def test_model_lists_each_server_and_a_row_number_chooses(
    bench: SetUp, key: None, stub: StubServer, private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.models = ["vendor/big", "claude-sonnet-5-5"]
    add_endpoint(private_home, stub.url)
    local = Endpoint("ollama", base_url=stub.url)
    monkeypatch.setattr(
        catalog, "LOCAL_SERVERS", {"ollama": local, "vllm": Endpoint("vllm", base_url="http://[::1]:9")}
    )
    stage = bench()
    await dispatch("/model 1", stage.context)
    assert "No models have been listed yet" in str(stage.view.of("error")[-1])
    await dispatch("/model", stage.context)
    rows = stage.context.model_rows
    assert {"router/vendor/big", "ollama/vendor/big", "vendor/big", "offline"} <= set(rows)
    assert len(rows) == len(set(rows))
    (choices,) = [page.choices for page in stage.view.pages if isinstance(page, ModelList)]
    windows = {choice.name: choice.window for choice in choices}
    assert windows["sonnet"] == windows["claude-sonnet-5-5"] == windows["router/vendor/big"] == stub.window
    assert windows["offline"] == windows["ollama/vendor/big"] == 0
    await dispatch(f"/model {rows.index('router/vendor/big') + 1}", stage.context)
    assert stage.context.agent.llm.model == "router/vendor/big"
    await dispatch("/model 999", stage.context)
    assert "row 999 does not exist" in str(stage.view.of("error")[-1])


async def test_model_reports_a_server_that_cannot_list_its_models(
    bench: SetUp, key: None, stub: StubServer, private_home: Path
) -> None:
    add_endpoint(private_home, stub.url, api_key_env="ROUTER_KEY")
    stage = bench()
    await dispatch("/model", stage.context)
    errors = " ".join(map(str, stage.view.of("error")))
    assert "The models of the endpoint router cannot be listed: The endpoint router needs a key." in errors
    assert "export ROUTER_KEY=" in errors


async def test_alias_switches_to_the_newest_model(bench: SetUp, key: None) -> None:
    stage = bench()
    await dispatch("/model opus", stage.context)
    assert stage.context.agent.llm.model == resolve_alias("opus")
    assert stage.view.of("info")[-1] == f"The model is now {resolve_alias('opus')}."
    await dispatch("/model opus", stage.context)
    assert "already" in infos(stage)


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("claude-sonet-5-5", "claude-sonnet-5-5"),
        ("opsu", "opus"),
        ("rooter/vendor/big", "router/vendor/big"),
        ("xyz", None),
        ("router/bog", "router/big"),
    ],
)
async def test_unknown_model_is_refused_with_a_suggestion_unless_insisted_on(
    bench: SetUp, key: None, stub: StubServer, private_home: Path, name: str, guess: str | None
) -> None:
    stub.models = ["big"]
    add_endpoint(private_home, stub.url)
    stage = bench()
    await dispatch(f"/model {name}", stage.context)
    assert stage.context.agent.llm is stage.llm
    hint = f" Did you mean /model {guess}?" if guess else ""
    assert str(stage.view.of("error")[-1]).startswith(f"Unknown model {name!r}.{hint}")
    assert str(stage.view.of("error")[-1]).endswith(f"/model {name}! uses it anyway.")
    await dispatch(f"/model {name}!", stage.context)
    assert stage.context.agent.llm.model == name


async def test_model_that_only_the_server_lists_is_known(
    bench: SetUp, key: None, stub: StubServer, private_home: Path
) -> None:
    stub.models = ["claude-next-1", "qwen:latest"]
    add_endpoint(private_home, stub.url)
    stage = bench()
    for name in ("claude-next-1", "router/claude-next-1", "router/qwen"):
        await dispatch(f"/model {name}", stage.context)
        assert stage.context.agent.llm.model == name


async def test_endpoint_without_a_list_accepts_any_model(bench: SetUp, stub: StubServer, private_home: Path) -> None:
    add_endpoint(private_home, stub.url)
    stage = bench()
    await dispatch("/model router/anything", stage.context)
    assert stage.context.agent.llm.model == "router/anything"


async def test_model_of_a_server_that_does_not_answer_is_refused(
    bench: SetUp, private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_endpoint(private_home, "http://127.0.0.1:9", name="ollama")
    monkeypatch.setattr(catalog, "LOCAL_SERVERS", {"ollama": Endpoint("ollama", base_url="http://127.0.0.1:9")})
    stage = bench()
    await dispatch("/model ollama/qwen", stage.context)
    error = str(stage.view.of("error")[-1])
    assert "No model server answers at http://127.0.0.1:9." in error
    assert "/model ollama/qwen! uses the model anyway." in error
    assert stage.context.agent.llm is stage.llm


async def test_model_switch_is_saved_in_the_session(bench: SetUp, key: None) -> None:
    stage = await talked(bench)
    assert await stored_model(stage) == "scripted-1"
    await dispatch("/model claude-opus-5-5", stage.context)
    assert stage.context.agent.llm.model == "claude-opus-5-5"
    assert await stored_model(stage) == "claude-opus-5-5"
    assert stage.view.of("info")[-1] == "The model is now claude-opus-5-5."
    await dispatch("/model offline", stage.context)
    await dispatch("Hello", stage.context)
    assert stage.memory.messages[-1].model == "offline"


async def test_local_model_can_be_chosen_once_installed(
    bench: SetUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await talked(bench)
    await dispatch("/model local", stage.context)
    assert "aloop local install" in str(stage.view.of("error")[-1])
    assert stage.context.agent.llm.model == "scripted-1"
    monkeypatch.setenv("ALOOP_DATA_DIR", str(tmp_path / "data"))
    install_fake(tmp_path / "data")
    await dispatch("/model local", stage.context)
    assert stage.view.of("info")[-1] == "The model is now local · SmolLM2-135M."
    assert await stored_model(stage) == "local:SmolLM2-135M"
    await dispatch("/model local", stage.context)
    assert stage.view.of("info")[-1] == "The current model is already local · SmolLM2-135M."


async def test_model_without_a_key_is_refused(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/model claude-opus-5-5", stage.context)
    assert stage.context.agent.llm.model == "scripted-1"
    assert "ANTHROPIC_API_KEY" in str(stage.view.of("error")[0])


async def test_current_model_is_not_replaced_by_itself(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/model scripted-1", stage.context)
    assert stage.context.agent.llm is stage.llm


@pytest.mark.parametrize(("keeps", "expected"), [(False, "claude-opus-5-5"), (True, "offline")])
async def test_resumed_session_switches_to_its_model_unless_one_was_chosen(
    bench: SetUp, key: None, keeps: bool, expected: str
) -> None:
    stage = await talked(bench)
    session = stage.memory.session_id
    await dispatch("/model claude-opus-5-5", stage.context)
    await dispatch("/clear", stage.context)
    await dispatch("/model offline", stage.context)
    stage.context.keeps_model = keeps
    await dispatch(f"/resume {session[:8]}", stage.context)
    assert stage.context.agent.llm.model == expected


async def test_resumed_session_without_a_key_keeps_the_current_model(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, key: None
) -> None:
    stage = await talked(bench)
    await dispatch("/model claude-opus-5-5", stage.context)
    session = stage.memory.session_id
    await dispatch("/clear", stage.context)
    stage.context.agent.llm = ScriptedLLM()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    await dispatch(f"/resume {session[:8]}", stage.context)
    assert stage.context.agent.llm.model == "scripted-1"
    assert "This session used claude-opus-5-5, which is not available: " in infos(stage)


async def with_model(stage: Bench, name: str | None) -> str:
    """Save a session that names a model, or none, and return the start of its ID."""
    memory = MemoryManager(sessions_dir=stage.memory.sessions_dir)
    await memory.add_message(LLMMessage("user", "Hi"))
    path = (await memory.save_memory()).path
    if name:
        path.write_text(path.read_text().replace("\nmessages:", f"\nmodel: {name}\n\nmessages:"))
    trust(memory.session_id)
    return memory.session_id[:8]


@pytest.mark.parametrize("leave", ["/clear", "/delete", "/resume"])
async def test_new_session_after_a_resumed_one_has_the_default_model(bench: SetUp, key: None, leave: str) -> None:
    stage = await talked(bench)
    resumed = await with_model(stage, "claude-opus-5-5")
    await dispatch("/model claude-haiku-5-5!", stage.context)
    await dispatch(f"/resume {resumed}", stage.context)
    assert stage.context.agent.llm.model == "claude-opus-5-5"
    assert infos(stage).endswith("The model is claude-opus-5-5, as before in this session. /model changes it.")

    async def trash_it(browser: SessionBrowser) -> Choice | None:
        await browser.trash(stage.memory.session_id)
        return None

    stage.view.picks = trash_it
    await dispatch(leave, stage.context)
    assert stage.memory.message_count == 0
    assert stage.context.agent.llm.model == "claude-haiku-5-5"
    assert infos(stage).endswith("The model is claude-haiku-5-5 again.")


@pytest.mark.parametrize("name", [None, "offline"])
async def test_resumed_session_without_a_model_gets_the_default_and_not_that_of_the_one_before(
    bench: SetUp, key: None, name: str | None
) -> None:
    stage = await talked(bench)
    first, second = await with_model(stage, "claude-opus-5-5"), await with_model(stage, name)
    await dispatch("/model claude-haiku-5-5!", stage.context)
    for session in (first, second):
        await dispatch(f"/resume {session}", stage.context)
    assert stage.context.agent.llm.model == "claude-haiku-5-5"
    assert infos(stage).endswith("The model is claude-haiku-5-5 again. /model changes it.")
    shown = len(stage.view.of("info"))
    await dispatch("/clear", stage.context)
    assert len(stage.view.of("info")) == shown + 1


async def test_default_model_that_is_not_available_is_reported_and_the_current_one_stays(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, key: None
) -> None:
    stage = await talked(bench)
    first, second = await with_model(stage, "offline"), await with_model(stage, None)
    await dispatch("/model claude-haiku-5-5!", stage.context)
    stage.context.agent.llm = ScriptedLLM()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    for line in (f"/resume {first}", f"/resume {second}", "/clear"):
        await dispatch(line, stage.context)
        assert "The model claude-haiku-5-5 is not available: " in infos(stage).splitlines()[-1]
        assert stage.context.agent.llm.model == "scripted-1"


async def test_model_confirmed_in_a_resumed_session_stays_in_the_next_one(bench: SetUp, key: None) -> None:
    stage = await talked(bench)
    await dispatch(f"/resume {await with_model(stage, 'claude-opus-5-5')}", stage.context)
    await dispatch("/model claude-opus-5-5", stage.context)
    await dispatch("/clear", stage.context)
    assert stage.context.agent.llm.model == "claude-opus-5-5"


async def test_system_shows_the_message_of_a_new_session(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/system", stage.context)
    assert "You are aloop" in infos(stage)
    assert stage.memory.system_messages == ()


async def test_system_sets_the_message_and_saves_it_at_once(bench: SetUp) -> None:
    stage = await talked(bench, answer("Arr."))
    await dispatch("/system You are a pirate.", stage.context)
    memory = stage.memory
    stored = await SessionLibrary(memory.sessions_dir).load(memory.session_id)
    assert stored.system_messages == (LLMMessage("system", "You are a pirate."),)
    await dispatch("four", stage.context)
    assert stage.llm.requests[-1][0].content == "You are a pirate."
    await dispatch("/system", stage.context)
    assert stage.view.of("info")[-1] == "You are a pirate."


async def test_system_default_restores_the_standard_message(bench: SetUp) -> None:
    stage = await talked(bench)
    standard = stage.context.agent.system_text
    await dispatch("/system You are a pirate.", stage.context)
    await dispatch("/system default", stage.context)
    assert stage.context.agent.system_text == standard
    assert "You are aloop" in standard


async def test_system_default_replaces_the_standard_message_of_an_earlier_version(bench: SetUp) -> None:
    old = Path(__file__).parents[2].joinpath("llm", "system_prompt_0.1.0.txt").read_text(encoding="utf-8").strip()
    stage = await talked(bench, answer("Yes."))
    standard = stage.context.agent.system_text
    stage.memory.set_system_message(old)
    await stage.memory.save_memory()
    await dispatch("Still there?", stage.context)
    assert stage.llm.requests[-1][0].content == old  # a conversation keeps the text that it began with
    await dispatch("/system default", stage.context)
    memory = stage.memory
    stored = await SessionLibrary(memory.sessions_dir).load(memory.session_id)
    assert [message.content for message in stored.system_messages] == [standard]
    assert standard != old


async def test_system_before_the_first_turn_writes_no_session(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/system You are a pirate.", stage.context)
    assert stage.memory.path is None


async def test_compact_reports_its_result_and_can_be_undone(bench: SetUp) -> None:
    stage = await talked(bench, answer("They counted."))
    await dispatch("/compact the numbers", stage.context)
    assert "2 older messages will be sent as a summary" in infos(stage)
    assert "keep: the numbers" in (stage.llm.requests[-1][-1].content or "")
    assert stage.memory.messages[2].summary
    await dispatch("/compact undo", stage.context)
    assert stage.memory.messages[2].skip
    said = "2 earlier messages are sent again. The summary stays in the session, marked skip: true."
    assert str(stage.view.of("info")[-1]) == said
    assert len(stage.memory.get_context_for_llm()) == 7
    await dispatch("/compact undo", stage.context)
    assert "no summary" in str(stage.view.of("error")[0])


async def test_compact_undo_reports_answers_that_are_skipped_with_the_summary(bench: SetUp) -> None:
    stage = await talked(bench, answer("They counted."))
    await dispatch("/compact", stage.context)
    await dispatch("/skip 1-2", stage.context)
    await dispatch("/skip 4", stage.context)
    await dispatch("/compact undo", stage.context)
    said = str(stage.view.of("info")[-1])
    assert said.startswith("No earlier message is sent again, because all of them are skipped. The summary stays")
    assert said.endswith(
        "The message after it is skipped, too, because an answer is not sent without a question before it."
    )
    assert [message.skip for message in stage.memory.messages[:6]] == [True, True, True, True, True, False]


@pytest.mark.parametrize("measured", [1, 50_000])
async def test_compact_reports_a_difference_of_estimates_whatever_was_measured(bench: SetUp, measured: int) -> None:
    stage = await talked(bench, answer("They counted."))
    await stage.memory.edit(lambda now: (*now[:-1], replace(now[-1], usage=Usage(measured, 1))))
    await dispatch("/compact", stage.context)
    assert "will be sent as a summary, which makes the context about 7 tokens larger." in infos(stage)


async def test_model_explains_that_a_server_has_no_list(bench: SetUp, key: None, stub: StubServer) -> None:
    stage = bench()
    stub.models = None
    await dispatch("/model", stage.context)
    place = stub.url.removeprefix("http://")
    (problem,) = stage.view.of("error")
    assert str(problem).startswith(f"The models of {place} cannot be listed: {place} has no list of models (404): ")


async def test_compact_with_nothing_to_do_shows_a_message(bench: SetUp) -> None:
    stage = bench(answer("One."))
    await dispatch("one", stage.context)
    await dispatch("/compact", stage.context)
    assert "nothing to summarize" in infos(stage)
