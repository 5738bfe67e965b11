"""A turn always ends as a valid transcript that is saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.errors import LLMError, StorageError
from aloop.llm.content.provenance import present_time
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import answer_for
from aloop.memory.session import SaveReport
from aloop.memory.turn import Turn, finish_shielded
from tests.memory.conversations import timeless
from tests.memory.examples import answer, call, result, user

BEFORE = [user("Earlier"), answer("Yes.")]


class Disk:
    """Records the calls of a turn; a save waits for ``may_save`` and raises ``error``."""

    def __init__(self, messages: list[LLMMessage]) -> None:
        self.messages = messages
        self.journal: list[LLMMessage] = []
        self.saved: list[list[LLMMessage]] = []
        self.pieces: list[tuple[str, int]] = []
        self.has_piece = asyncio.Event()
        self.dropped = 0
        self.error: Exception | None = None
        self.saving, self.may_save = asyncio.Event(), asyncio.Event()
        self.may_save.set()

    async def begin(self) -> None:
        pass

    async def note(self, message: LLMMessage) -> None:
        self.journal += timeless([message])

    async def note_piece(self, piece: LLMMessage, answer: int) -> None:
        self.pieces.append((piece.content or "", answer))
        self.has_piece.set()

    async def drop(self) -> None:
        self.dropped += 1

    async def save(self) -> SaveReport:
        self.saving.set()
        await self.may_save.wait()
        if self.error:
            raise self.error
        self.saved.append(timeless(self.messages))
        return SaveReport(Path("session.yaml"))


@pytest.fixture
def messages() -> list[LLMMessage]:
    return list(BEFORE)


@pytest.fixture
def disk(messages: list[LLMMessage]) -> Disk:
    return Disk(messages)


async def run(turn: Turn, *messages: LLMMessage, error: BaseException | None = None) -> None:
    async with turn:
        for message in messages:
            await turn.add(message)
        if error:
            raise error


async def test_completed_turn_is_saved_unchanged(messages: list[LLMMessage], disk: Disk) -> None:
    turn = Turn(messages, disk)
    exchange = [user("2+2?"), answer(None, call()), result("4"), answer("Four.")]
    await run(turn, *exchange)
    assert timeless(messages) == BEFORE + exchange
    assert disk.saved == [timeless(messages)]
    assert disk.journal == exchange
    assert turn.kept
    assert turn.report == SaveReport(Path("session.yaml"))


async def test_failure_before_the_first_answer_removes_the_question(messages: list[LLMMessage], disk: Disk) -> None:
    turn = Turn(messages, disk)
    with pytest.raises(LLMError):
        await run(turn, user("2+2?"), error=LLMError("no network"))
    assert messages == BEFORE
    assert (disk.saved, disk.dropped, turn.kept, turn.report) == ([], 1, False, None)


async def test_failure_before_the_question_changes_nothing(messages: list[LLMMessage], disk: Disk) -> None:
    with pytest.raises(LLMError):
        await run(Turn(messages, disk), error=LLMError("no"))
    assert messages == BEFORE
    assert disk.saved == []


async def test_failure_after_an_answer_keeps_finished_messages(messages: list[LLMMessage], disk: Disk) -> None:
    turn = Turn(messages, disk)
    half = LLMMessage("assistant", "It is fo", interrupted=True)
    with pytest.raises(LLMError, match="broken"):
        await run(turn, user("2+2?"), half, error=LLMError("broken"))
    assert timeless(messages) == [*BEFORE, user("2+2?"), half]
    assert disk.saved == [timeless(messages)]
    assert turn.kept


async def test_interrupted_calls_get_placeholder_results(messages: list[LLMMessage], disk: Disk) -> None:
    asked = answer("Both.", call("a"), call("b"))
    with pytest.raises(KeyboardInterrupt):
        await run(Turn(messages, disk), user("Go"), asked, result("1", "a"), error=KeyboardInterrupt())
    assert timeless(messages[-3:]) == [asked, result("1", "a"), answer_for(call("b"))]
    assert disk.saved == [timeless(messages)]


async def test_completed_turn_without_a_result_gets_a_placeholder(messages: list[LLMMessage], disk: Disk) -> None:
    await run(Turn(messages, disk), user("Go"), answer(None, call()))
    assert timeless(messages[-1:]) == [answer_for(call())]


async def test_failed_save_keeps_the_messages(messages: list[LLMMessage], disk: Disk) -> None:
    disk.error = StorageError("full", Path())
    turn = Turn(messages, disk)
    with pytest.raises(StorageError):
        await run(turn, user("Hi"), answer("Hello"))
    assert timeless(messages) == [*BEFORE, user("Hi"), answer("Hello")]
    assert turn.report is None


async def test_message_is_in_the_journal_when_add_returns(messages: list[LLMMessage], disk: Disk) -> None:
    async with Turn(messages, disk) as turn:
        await turn.add(user("Hi"))
        assert disk.journal == [user("Hi")]


@pytest.mark.parametrize("times", [1, 10])
async def test_cancellation_does_not_interrupt_the_save(messages: list[LLMMessage], disk: Disk, times: int) -> None:
    disk.may_save.clear()
    task = asyncio.create_task(run(Turn(messages, disk), user("Hi"), answer("Hello")))
    await disk.saving.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)  # let it be delivered
    assert not task.done()
    disk.may_save.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert disk.saved == [timeless(messages)]


async def test_cancelled_turn_is_saved(messages: list[LLMMessage], disk: Disk) -> None:
    streaming = asyncio.Event()

    async def turn() -> None:
        async with Turn(messages, disk) as turn:
            await turn.add(user("Hi"))
            await turn.add(answer(None, call()))
            streaming.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(turn())
    await streaming.wait()
    for _ in range(10):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert disk.saved == [[*BEFORE, user("Hi"), answer(None, call()), answer_for(call())]]


async def test_failed_save_is_raised_even_if_cancelled(messages: list[LLMMessage], disk: Disk) -> None:
    disk.may_save.clear()
    disk.error = StorageError("full", Path())
    task = asyncio.create_task(run(Turn(messages, disk), user("Hi"), answer("Hello")))
    await disk.saving.wait()
    task.cancel()
    await asyncio.sleep(0)
    disk.may_save.set()
    with pytest.raises(StorageError):
        await task


async def test_finish_shielded_raises_cancellation_of_the_work() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await finish_shielded(work())


async def test_turns_follow_each_other(messages: list[LLMMessage], disk: Disk) -> None:
    for number in range(3):
        await run(Turn(messages, disk), user(f"Question {number}"), answer("Yes."))
    with pytest.raises(LLMError):
        await run(Turn(messages, disk), user("Lost"), error=LLMError("no"))
    assert len(messages) == len(BEFORE) + 6
    assert [len(saved) for saved in disk.saved] == [4, 6, 8]


async def test_turn_gives_each_message_its_time_once(messages: list[LLMMessage], disk: Disk) -> None:
    before = present_time()
    dated = replace(answer("Hello"), at=datetime(2025, 1, 1, tzinfo=UTC))
    await run(Turn(messages, disk), user("Hi"), dated)
    question = messages[-2]
    assert question.at
    assert before <= question.at <= present_time()
    assert messages[-1] == dated


async def test_pieces_of_an_answer_are_written_together_and_not_after_its_message(
    messages: list[LLMMessage], disk: Disk
) -> None:
    async with Turn(messages, disk) as turn:
        await turn.add(user("Hello"))
        keep = turn.begin_answer("m")
        for text in (" ", "Once ", "upon "):
            keep(text)
        await disk.has_piece.wait()
        keep("a time")
        await turn.add(answer(" Once upon a time"))
    assert disk.pieces == [(" Once upon ", 1)]


async def test_text_before_another_attempt_is_written_at_once(messages: list[LLMMessage], disk: Disk) -> None:
    async with Turn(messages, disk) as turn:
        await turn.add(user("Hello"))
        turn.begin_answer("m")("Once")
        keep = turn.begin_answer("m")
        await disk.has_piece.wait()
        disk.has_piece.clear()
        keep("Twice")
        await disk.has_piece.wait()
        await turn.add(answer("Twice"))
    assert disk.pieces == [("Once", 1), ("Twice", 2)]


async def test_blank_text_of_an_answer_is_not_written(messages: list[LLMMessage], disk: Disk) -> None:
    async with Turn(messages, disk) as turn:
        await turn.add(user("Hello"))
        keep = turn.begin_answer("m")
        keep("\n")
        turn.begin_answer("m")
        await turn.add(answer("Hi"))
    assert disk.pieces == []
