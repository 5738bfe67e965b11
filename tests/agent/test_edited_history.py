"""Edited histories and models that bind their thinking to the history."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from anthropic import AsyncAnthropic

from aloop.agent.agent import ReActAgent
from aloop.agent.events import AgentEvent, Notice
from aloop.errors import UsageError
from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.message_types import LLMMessage, ThinkingBlock
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager
from aloop.tools import Tool, default_tools
from tests.agent.scripted import no_pause
from tests.stub import Answer, Cited, Foreign, HTTPError, StubServer, Text, Thinking, ToolUse
from tests.stub.server import KEY

ADD = ToolUse("calculator", {"expression": "2+2"})


class BoundTalk:
    """A conversation with the stub, which checks the prefix of each thinking block."""

    def __init__(self, stub: StubServer, client: AsyncAnthropic, folder: Path) -> None:
        self.stub = stub
        self.events: list[AgentEvent] = []
        self._client = client
        self._folder = folder
        self._number = 0
        self.agent = self._make_agent("claude-fable-5-2", MemoryManager(sessions_dir=folder))

    def _make_agent(self, model: str, memory: MemoryManager, tools: Sequence[Tool] | None = None) -> ReActAgent:
        llm = AnthropicLLM(model, client=self._client)
        memory.llm = llm
        retry = RetryPolicy(1, 1, sleep=no_pause)
        return ReActAgent(llm, memory=memory, tools=tools, on_event=self.events.append, retry=retry)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]

    def sent_thinking(self) -> list[str]:
        """Return the signatures of the thinking blocks in the last request."""
        blocks = (block for turn in self.stub.requests[-1].body["messages"] for block in turn["content"])
        return [block["signature"] for block in blocks if block["type"] == "thinking"]

    async def take_turn(self, *, with_tool: bool = False) -> None:
        """Take a turn with thinking; it fails if the stub refuses the request."""
        self._number += 1
        number = self._number
        if with_tool:
            self.stub.script(Answer(Thinking(f"plan {number}", signature=f"p{number}"), Text("Let me add."), ADD))
        self.stub.script(Answer(Thinking(f"thought {number}", signature=f"s{number}"), Text(f"Answer {number}.")))
        answer = await self.agent.run(f"Question {number}")
        # If the window is full, the summary takes the first reply.
        assert answer in (f"Answer {number}.", f"You said: Question {number}")
        self.stub.drop_script()

    async def edit(self, index: int, change: Callable[[LLMMessage], LLMMessage]) -> None:
        await self.agent.memory.edit(
            lambda messages: [change(m) if number == index else m for number, m in enumerate(messages)]
        )

    def switch(self, model: str) -> None:
        self.agent.llm = AnthropicLLM(model, client=self._client)

    def upgrade(self, suffix: str) -> None:
        """Go on as after an upgrade of aloop that changed the description of a tool."""
        tools = default_tools(self._folder)
        vars(tools[0])["description"] = f"{tools[0].description} {suffix}"
        self.agent = self._make_agent(self.agent.llm.model, self.agent.memory, tools)


@pytest.fixture
async def talk(stub: StubServer, sessions_dir: Path) -> AsyncIterator[BoundTalk]:
    stub.binds_thinking = True
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        yield BoundTalk(stub, client, sessions_dir)


async def test_unchanged_history_sends_all_thinking(talk: BoundTalk) -> None:
    for _ in range(3):
        await talk.take_turn(with_tool=True)
    assert talk.sent_thinking() == ["p1", "s1", "p2", "s2", "p3"]
    assert not [notice for notice in talk.notices if "thinking" in notice]


async def test_edited_message_drops_later_thinking_and_is_reported_once(talk: BoundTalk) -> None:
    for _ in range(3):
        await talk.take_turn()
    await talk.edit(2, lambda message: replace(message, content="Another question"))
    for _ in range(2):
        await talk.take_turn()
    assert talk.sent_thinking() == ["s1", "s4"]
    notices = [notice for notice in talk.notices if "thinking" in notice]
    assert notices == ["2 thinking blocks are not sent to the model, because the history before them has changed."]


async def test_resumed_session_sends_its_thinking(talk: BoundTalk, stub: StubServer, sessions_dir: Path) -> None:
    await talk.take_turn()
    session_id = talk.agent.memory.session_id
    again = BoundTalk(stub, talk._client, sessions_dir)
    await again.agent.memory.resume(session_id)
    again._number = 1
    await again.take_turn()
    assert again.sent_thinking() == ["s1"]


async def test_switched_model_keeps_the_content_of_the_server_and_its_order(talk: BoundTalk) -> None:
    search = Foreign({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
    found = Foreign({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []})
    talk.stub.script(Answer(Thinking("hm", signature="h1"), search, found, Text("It is."), ADD, Text("Wait.")), "Done.")
    await talk.agent.run("Search")
    talk.switch("claude-opus-5-5")
    await talk.take_turn()
    sent = [block["type"] for block in talk.stub.requests[-1].body["messages"][1]["content"]]
    assert sent == ["server_tool_use", "web_search_tool_result", "text", "tool_use", "text"]
    assert not [notice for notice in talk.notices if "left out" in notice]


async def test_refused_thinking_is_left_out_and_remembered(talk: BoundTalk) -> None:
    # An old session has no digests, so only the server can detect that its thinking does not fit.
    await talk.take_turn()
    await talk.edit(1, lambda message: replace(message, thinking=(replace(message.thinking[0], prefix=""),)))
    await talk.edit(0, lambda message: replace(message, content="Edited"))
    before = len(talk.stub.requests)
    await talk.take_turn()
    assert len(talk.stub.requests) == before + 2  # refused once, then asked again without
    await talk.take_turn()
    assert len(talk.stub.requests) == before + 3
    assert talk.sent_thinking() == ["s2"]


async def test_rejection_of_something_else_is_not_retried(talk: BoundTalk) -> None:
    await talk.take_turn()
    talk.stub.script(HTTPError(400, "tools.0: a name is missing"))
    with pytest.raises(Exception, match="a name is missing"):
        await talk.agent.run("Again")
    assert len(talk.stub.requests) == 2


async def test_moved_directory_is_told_in_the_next_message_only(talk: BoundTalk, tmp_path: Path) -> None:
    await talk.take_turn()
    memory = talk.agent.memory
    llm = talk.agent.llm
    talk.agent = ReActAgent(llm, memory=memory, on_event=talk.events.append, working_dir=tmp_path)
    await talk.take_turn()
    await talk.take_turn()
    questions = [message.content or "" for message in memory.messages if message.role == "user"]
    assert [f"The working directory is now {tmp_path}" in question for question in questions] == [False, True, False]
    assert talk.sent_thinking() == ["s1", "s2"]


async def test_upgrade_that_changes_a_tool_is_noticed_from_the_file(
    talk: BoundTalk, stub: StubServer, sessions_dir: Path
) -> None:
    await talk.take_turn()
    memory = talk.agent.memory
    assert memory.path is not None
    written = memory.path.read_text()
    system_line, tools_line = (line for line in written.splitlines() if "_digest: " in line)
    assert system_line.startswith("system_digest: ")
    assert tools_line.startswith("tools_digest: ")

    later = BoundTalk(stub, talk._client, sessions_dir)
    await later.agent.memory.resume(memory.session_id)
    later.upgrade("Now faster.")
    later._number = 1
    await later.take_turn()
    assert later.notices == [
        "The tools have changed since the last turn. The model gets the new ones.",
        "1 thinking block is not sent to the model, because the history before it has changed.",
    ]
    await later.take_turn()
    assert len(later.notices) == 2
    digests = [line.replace('"', "") for line in memory.path.read_text().splitlines() if "_digest: " in line]
    assert digests[0] == system_line.replace('"', "")
    assert digests[1] != tools_line.replace('"', "")


async def test_system_message_edited_in_the_file_is_reported_and_one_set_here_is_not(talk: BoundTalk) -> None:
    await talk.take_turn()
    talk.agent.memory.set_system_message("Be brief.")
    await talk.agent.memory.save_memory()
    await talk.take_turn()
    message = "The system message has changed since the last turn. The model gets the new one."
    assert message not in talk.notices
    path = talk.agent.memory.path
    assert path is not None
    path.write_text(path.read_text().replace("Be brief.", "Be long."))
    await talk.take_turn()
    await talk.take_turn()
    assert talk.notices.count(message) == 1
    assert talk.sent_thinking() == ["s3"]


async def test_session_without_thinking_has_no_digests(talk: BoundTalk) -> None:
    await talk.agent.run("Hi")
    path = talk.agent.memory.path
    assert path is not None
    assert "_digest" not in path.read_text()


async def _fill(talk: BoundTalk, words: str) -> bool:
    """Fill the window, so that the next turn begins with a summary; True if it did."""
    talk.stub.script(Answer(Thinking("much", signature=f"w{words}"), Text("Much."), usage={"input_tokens": 199_000}))
    await talk.agent.run("Fill it")
    before = len(talk.stub.requests)
    talk.stub.script(f"Summary {words}", Answer(Thinking("so", signature=f"x{words}"), Text("Shorter.")))
    answer = await talk.agent.run("And now?")
    talk.stub.drop_script()
    return answer == "Shorter." and len(talk.stub.requests) == before + 2


async def test_automatic_compaction_keeps_its_summary_and_later_thinking(talk: BoundTalk) -> None:
    for _ in range(3):
        await talk.take_turn(with_tool=True)
    assert await _fill(talk, "one")
    assert [message.content for message in talk.agent.memory.messages if message.summary] == [
        "Summary of the conversation so far:\n\nSummary one"
    ]
    await talk.take_turn()
    await talk.take_turn()
    assert talk.sent_thinking() == ["xone", "s4"]


Step = Callable[[BoundTalk, random.Random], Awaitable[None]]


async def _edit_text(talk: BoundTalk, chance: random.Random) -> None:
    index = chance.randrange(len(talk.agent.memory.messages))
    await talk.edit(index, lambda message: replace(message, content=f"Edited {chance.random()}"))


async def _edit_file(talk: BoundTalk, chance: random.Random) -> None:
    path = talk.agent.memory.path
    if path is not None and path.exists():
        text = path.read_text()
        old = chance.choice(["Question", "Answer", "thought", "2+2", "Be ", "You are"])
        path.write_text(text.replace(old, f"{old}{chance.randrange(10)}", chance.randrange(1, 4)))


async def _pause(talk: BoundTalk, chance: random.Random) -> None:
    search_id = f"srvtoolu_{chance.random()}"
    found = Foreign({"type": "web_search_tool_result", "tool_use_id": search_id, "content": []})
    search = Foreign({"type": "server_tool_use", "id": search_id, "name": "web_search", "input": {}})
    paused = Answer(Thinking("hm", signature=f"h{chance.random()}"), Text("I search. \n"), stop_reason="pause_turn")
    talk.stub.script(paused, Answer(search, found, Thinking("so", signature=f"f{chance.random()}"), Cited("It is.")))
    await talk.agent.run("Search for it")
    if chance.random() < 0.5:
        talk.stub.script(HTTPError(400, "messages.1: this content is no longer accepted"))
        await talk.agent.run("Sure?")


async def _skip(talk: BoundTalk, chance: random.Random) -> None:
    index = chance.randrange(len(talk.agent.memory.messages))
    await talk.edit(index, lambda message: replace(message, skip=not message.skip))


async def _remove(talk: BoundTalk, chance: random.Random) -> None:
    index = chance.randrange(len(talk.agent.memory.messages))
    await talk.agent.memory.edit(lambda messages: [m for number, m in enumerate(messages) if number != index])


async def _edit_thinking(talk: BoundTalk, chance: random.Random) -> None:
    index = chance.randrange(len(talk.agent.memory.messages))
    edited = ThinkingBlock("edited", "s1", prefix=chance.choice(["", "0123456789abcdef"]))
    await talk.edit(index, lambda message: replace(message, thinking=(edited,) if message.thinking else ()))


async def _remove_model(talk: BoundTalk, chance: random.Random) -> None:
    index = chance.randrange(len(talk.agent.memory.messages))
    await talk.edit(index, lambda message: replace(message, model=None))


async def _change_system(talk: BoundTalk, chance: random.Random) -> None:
    talk.agent.memory.set_system_message(f"Be {chance.random()}.")


async def _compact(talk: BoundTalk, chance: random.Random) -> None:
    talk.stub.script(f"Summary {chance.random()}")
    if await talk.agent.compact() is None:
        talk.stub.drop_script()


async def _fill_window(talk: BoundTalk, chance: random.Random) -> None:
    await _fill(talk, str(chance.random()))


async def _switch(talk: BoundTalk, chance: random.Random) -> None:
    talk.switch(chance.choice(["claude-fable-5-2", "claude-opus-5-5", "claude-haiku-5-5-20260901"]))


async def _upgrade(talk: BoundTalk, chance: random.Random) -> None:
    talk.upgrade(str(chance.random()))


async def _undo(talk: BoundTalk, chance: random.Random) -> None:
    with suppress(UsageError):
        await talk.agent.memory.undo()


async def _redo(talk: BoundTalk, chance: random.Random) -> None:
    with suppress(UsageError):
        await talk.agent.memory.undo()
        await talk.agent.memory.redo()


async def _fork(talk: BoundTalk, chance: random.Random) -> None:
    await talk.agent.memory.fork(upto=chance.randrange(1, len(talk.agent.memory.messages) + 1))


async def _resume(talk: BoundTalk, chance: random.Random) -> None:
    await talk.agent.memory.save_memory()
    await talk.agent.memory.resume(talk.agent.memory.session_id)
    talk.switch(talk.agent.llm.model)  # a new process knows nothing of what was refused before


CHANGES: tuple[Step, ...] = (
    _edit_text,
    _edit_file,
    _pause,
    _skip,
    _remove,
    _edit_thinking,
    _remove_model,
    _change_system,
    _compact,
    _fill_window,
    _switch,
    _upgrade,
    _undo,
    _redo,
    _fork,
    _resume,
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_no_change_of_the_history_makes_a_session_unusable(talk: BoundTalk, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2):
        await talk.take_turn(with_tool=True)
    for _ in range(50):
        if talk.agent.memory.messages:
            await chance.choice(CHANGES)(talk, chance)
        await talk.take_turn(with_tool=chance.random() < 0.3)
