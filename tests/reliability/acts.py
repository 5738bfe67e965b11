"""What a life with aloop is made of, told step by step to whoever must know what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, SessionLibrary


@dataclass(frozen=True, slots=True)
class News:
    """What the life says of itself.

    ``kept``: the message with this text is on disk. ``loose``: it may be gone from now on. ``gone``: the session may be
    in the trash, until it is ``back``. ``aside``: something that is no matter of storage, in ``text``.
    """

    kind: Literal["kept", "loose", "gone", "back", "aside"]
    session: str = ""
    text: str = ""


Tell = Callable[[News], None]


class Regret(Exception):
    """Ends a turn before its time."""


def exchange(name: str, steps: int = 1) -> Iterator[LLMMessage]:
    """Yield the messages of a turn: a question, ``steps`` tool calls with their results, an answer."""
    yield LLMMessage("user", f"{name}: question\nin two lines")
    for step in range(steps):
        call = ToolCall(f"{name}-{step}", "calculator", '{"expression": "2+2"}')
        yield LLMMessage("assistant", f"{name}: step {step}", (call,))
        yield LLMMessage("tool", f"{name}: result {step}", tool_call_id=call.id, name=call.name)
    yield LLMMessage("assistant", f"{name}: answer  \nwith a tab\there")


async def take_turn(memory: MemoryManager, name: str, tell: Tell, *, steps: int = 1) -> None:
    """Take a whole turn."""
    async with memory.turn() as turn:
        for message in exchange(name, steps):
            await turn.add(message)
            tell(News("kept", memory.session_id, message.content or ""))


async def cut_turn(memory: MemoryManager, name: str, tell: Tell, *, after: int) -> None:
    """Begin a turn and end it with an error after so many messages."""
    messages = list(exchange(name))[:after]
    try:
        async with memory.turn() as turn:
            for message in messages:
                await turn.add(message)
                tell(News("kept", memory.session_id, message.content or ""))
            if after == 1:
                tell(News("loose", memory.session_id, messages[0].content or ""))
            raise Regret
    except Regret:
        return


async def life(root: Path, tell: Tell) -> None:
    """Do everything once that storage can do: a few turns, cut ones too, a listing, a deletion
    that is thought better of, a second visit, a turn taken out and put back, a fork."""
    shell = MemoryManager(sessions_dir=root, hold=True)
    shell.set_system_message("Be brief.")
    await take_turn(shell, "one", tell)
    await take_turn(shell, "two", tell)
    shell.close()
    other = MemoryManager(sessions_dir=root)
    for message in exchange("other"):
        await other.add_message(message)
    await other.save_memory()
    for message in exchange("other"):
        tell(News("kept", other.session_id, message.content or ""))
    await MemoryManager.list_sessions(sessions_dir=root)
    tell(News("gone", other.session_id))
    await SessionLibrary(root).delete(other.session_id)
    await SessionLibrary(root).restore(other.session_id)
    tell(News("back", other.session_id))
    again = MemoryManager(sessions_dir=root, hold=True)
    await again.resume(shell.session_id[:8])
    await cut_turn(again, "regretted", tell, after=1)
    await cut_turn(again, "cut", tell, after=2)
    await take_turn(again, "three", tell)
    await again.undo()
    await again.redo()
    await again.rename("Counting")
    await again.fork()
    await take_turn(again, "forked", _with_before(again.messages, tell))
    again.start_new()
    await cut_turn(again, "never", tell, after=1)
    again.close()


def _with_before(messages: Sequence[LLMMessage], tell: Tell) -> Tell:
    """With the first message that is acknowledged, those before it are."""
    before = [message for message in messages if not message.is_error]

    def tell_all(item: News) -> None:
        for message in before:
            tell(News("kept", item.session, message.content or ""))
        before.clear()
        tell(item)

    return tell_all
