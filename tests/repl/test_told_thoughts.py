from __future__ import annotations

import io

import pytest

from aloop.agent.events import AnswerDelta, ThoughtDelta, ToolFinished, TurnEnded
from aloop.llm.message_types import ToolCall, Usage
from aloop.tools.base import ToolResult
from commands.context import Detail
from repl.plain.views import PlainView
from repl.task_report import Progress

CALL = ToolCall("call_1", "read_file", '{"path": "a.txt"}')
EVENTS = (
    ThoughtDelta("Let me\n\x1b[2Jse"),
    ThoughtDelta("e."),
    ToolFinished(CALL, "a.txt", ToolResult("one\ntwo"), 0.1),
    AnswerDelta("So."),
    TurnEnded("completed", kept=True, usage=Usage(), seconds=1.0),
)
UNFOLDED = "● read_file a.txt … 0.1s → one …\n  path: a.txt\n  one\n  two\n"


@pytest.mark.parametrize("thinking", [True, False])
def test_without_a_screen_a_thought_is_told_once_it_is_whole(thinking: bool) -> None:
    out, err = io.StringIO(), io.StringIO()
    view = PlainView(out, err, Detail(verbose=True, thinking=thinking))
    for event in EVENTS:
        view.event(event)
    assert err.getvalue() == ("  Let me\n  ^[[2Jsee.\n" if thinking else "") + UNFOLDED
    assert out.getvalue() == "So.\n"


@pytest.mark.parametrize("thinking", [True, False])
def test_a_task_tells_it_beside_the_answer(thinking: bool, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(Detail(verbose=True, thinking=thinking))
    for event in EVENTS:
        progress.tell(event)
    out, err = capsys.readouterr()
    assert (out, err) == ("", ("  Let me\n  ^[[2Jsee.\n" if thinking else "") + UNFOLDED)
