"""A stub of the streaming Messages API: scripted answers over real HTTP.

::

    stub.script(
        Text("hello world"),                                     # one answer per argument
        ToolUse("calculator", {"expression": "2+2"}),            # stop_reason is tool_use
        Answer(Thinking("hm"), Text("so"), stop_reason="max_tokens", usage={"output_tokens": 9}),
        Answer(Text("half an ans"), ErrorEvent("overloaded_error")),   # fails in the middle; also Reset, Drop, Cut
        HTTPError(401),
    )
    gate = Gate()
    stub.script(Text("one ", gate, "two"))                       # pauses between the two pieces
    gate.wait_until_reached(); …; gate.open()

Without a script, the answer repeats the user's last text. ``stub.requests`` records the requests. A conversation that
the real API would refuse is answered with 400, even if there is a script.
"""

from __future__ import annotations

from tests.stub.parts import (
    Answer,
    Cited,
    Cut,
    Drop,
    ErrorEvent,
    Foreign,
    Gate,
    Ping,
    PingingGate,
    Raw,
    Redacted,
    Reset,
    Text,
    Thinking,
    ToolUse,
)
from tests.stub.replies import HTTPError, NoResponse, Plain
from tests.stub.server import Request, StubServer

__all__ = [
    "Answer",
    "Cited",
    "Cut",
    "Drop",
    "ErrorEvent",
    "Foreign",
    "Gate",
    "HTTPError",
    "NoResponse",
    "Ping",
    "PingingGate",
    "Plain",
    "Raw",
    "Redacted",
    "Request",
    "Reset",
    "StubServer",
    "Text",
    "Thinking",
    "ToolUse",
]
