"""Scenarios of storage operations that report each acknowledged step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.llm.content.parts import MediaFile
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.conversation import marked


@dataclass(frozen=True, slots=True)
class Event:
    """An acknowledged step of a scenario.

    ``kept``: the message with this text is on disk. ``loose``: it may be gone from now on. ``gone``: the session may be
    in the trash, until it is ``back``. ``aside``: other information, in ``text``.
    """

    kind: Literal["kept", "loose", "gone", "back", "aside"]
    session: str = ""
    text: str = ""


OnEvent = Callable[[Event], None]


class CutTurn(Exception):
    """Raised to cut a turn short."""


def exchange(name: str, steps: int = 1) -> Iterator[LLMMessage]:
    """Yield a question, ``steps`` tool calls with their results, and an answer."""
    yield LLMMessage("user", f"{name}: question\nin two lines")
    for step in range(steps):
        call = ToolCall(f"{name}-{step}", "calculator", '{"expression": "2+2"}')
        yield LLMMessage("assistant", f"{name}: step {step}", (call,))
        yield LLMMessage("tool", f"{name}: result {step}", tool_call_id=call.id, name=call.name)
    yield LLMMessage("assistant", f"{name}: answer  \nwith a tab\there")


async def take_turn(memory: MemoryManager, name: str, on_event: OnEvent, *, steps: int = 1) -> None:
    """Take a complete turn."""
    async with memory.turn() as turn:
        for message in exchange(name, steps):
            await turn.add(message)
            on_event(Event("kept", memory.session_id, message.content or ""))


IMAGE = MediaFile("dot.png", "image/png", b"\x89PNG" + bytes(100))


async def show_image(memory: MemoryManager, name: str, on_event: OnEvent) -> None:
    """Take a turn whose question has an image."""
    async with memory.turn() as turn:
        part = await memory.keep_media(IMAGE)
        for message in (LLMMessage("user", f"{name}: look", parts=(part,)), LLMMessage("assistant", f"{name}: seen")):
            await turn.add(message)
            on_event(Event("kept", memory.session_id, message.content or ""))


async def cut_turn(memory: MemoryManager, name: str, on_event: OnEvent, *, after: int) -> None:
    """Begin a turn and end it with an error after ``after`` messages."""
    messages = list(exchange(name))[:after]
    try:
        async with memory.turn() as turn:
            for message in messages:
                await turn.add(message)
                on_event(Event("kept", memory.session_id, message.content or ""))
            if after == 1:
                on_event(Event("loose", memory.session_id, messages[0].content or ""))
            raise CutTurn
    except CutTurn:
        return


async def run_scenario(root: Path, on_event: OnEvent) -> None:
    """Run each storage operation once.

    Complete and cut turns, an image, a summary, a listing, a deletion and its restore, a resume, an undo and a redo, a
    rename, skipped messages, a fork.
    """
    shell = MemoryManager(sessions_dir=root, hold=True)
    shell.set_system_message("Be brief.")
    await take_turn(shell, "one", on_event)
    await take_turn(shell, "two", on_event)
    await show_image(shell, "image", on_event)
    await shell.edit(lambda messages: [*messages[:4], LLMMessage("user", "summary", summary=True), *messages[4:]])
    shell.close()
    other = MemoryManager(sessions_dir=root)
    for message in exchange("other"):
        await other.add_message(message)
    await other.save_memory()
    for message in exchange("other"):
        on_event(Event("kept", other.session_id, message.content or ""))
    await MemoryManager.list_sessions(sessions_dir=root)
    on_event(Event("gone", other.session_id))
    await SessionLibrary(root).delete(other.session_id)
    await SessionLibrary(root).restore(other.session_id)
    on_event(Event("back", other.session_id))
    again = MemoryManager(sessions_dir=root, hold=True)
    await again.resume(shell.session_id[:8])
    await cut_turn(again, "regretted", on_event, after=1)
    await cut_turn(again, "cut", on_event, after=2)
    await take_turn(again, "three", on_event)
    await again.undo()
    await again.redo()
    await again.rename("Counting")
    await again.edit(lambda messages: marked(messages, 0, 3, skip=True))
    await again.fork()
    await take_turn(again, "forked", _with_before(again.messages, on_event))
    again.start_new()
    await cut_turn(again, "never", on_event, after=1)
    again.close()


def _with_before(messages: Sequence[LLMMessage], on_event: OnEvent) -> OnEvent:
    """Return a callback that reports ``messages`` as kept before its first event."""
    before = [message for message in messages if not message.is_error]

    def report(item: Event) -> None:
        for message in before:
            on_event(Event("kept", item.session, message.content or ""))
        before.clear()
        on_event(item)

    return report
