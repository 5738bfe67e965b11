"""The shell with a model that streams a long answer at a fixed rate.

``tests.benchmarks.streaming`` runs it as a program. The model sends token by token, or with ``whole`` waits as long and
sends everything at once, which is the floor for showing it. The ``measures`` file gets the processor time from the
question to the end of the shell, and the time of each token. With ``paragraphs``, the answer has only long ones.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.llm.base import Reply, StreamEvent, TextDelta, ToolSpec
from aloop.llm.message_types import LLMMessage
from repl import engine
from repl.app import run_shell
from repl.options import ShellOptions

PER_SECOND = 100
_TOKEN = re.compile(r"\S+\s*|\s+")
_WORDS_OF_TEXT = " ".join("@" * 15)
_WORDS_OF_PARAGRAPH = 1_000
_ITEMS = "\n".join(f"- **@** {_WORDS_OF_TEXT}" for _ in range(6))
_CODE = "\n".join("def @(@, @):\n    return @ + @" for _ in range(8))
_ROWS = "\n".join("| @ | @ |" for _ in range(5))
_SECTION = f"""\
## @ @ @

{_WORDS_OF_TEXT} {_WORDS_OF_TEXT} `@` {_WORDS_OF_TEXT} {_WORDS_OF_TEXT}.

{_ITEMS}

{_WORDS_OF_TEXT} *@* {_WORDS_OF_TEXT} {_WORDS_OF_TEXT}.

```python
{_CODE}
```

| @ | @ |
|---|---|
{_ROWS}

"""


def answer(tokens: int) -> list[str]:
    """Return the tokens of prose, lists, code and tables with numbered words."""
    numbers = itertools.count()
    sections = (re.sub("@", lambda _: f"word{next(numbers):04}", _SECTION) for _ in itertools.count())
    pieces = (piece for section in sections for piece in _TOKEN.findall(section))
    return list(itertools.islice(pieces, tokens))


def paragraphs(tokens: int) -> list[str]:
    """Return the tokens of paragraphs that are taller than most windows."""
    ends = ("\n\n" if number % _WORDS_OF_PARAGRAPH == 0 else " " for number in range(1, tokens + 1))
    return [f"word{number:04}{end}" for number, end in enumerate(ends)]


class _PacedLLM:
    model = "paced"
    provider = "benchmark"
    context_window = 0

    def __init__(self, tokens: list[str], measures: Path, *, whole: bool) -> None:
        self._tokens = tokens
        self._measures = measures
        self._whole = whole
        self._began = 0.0
        self._sent: list[float] = []

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        self._began = time.process_time()
        start = time.monotonic()
        text = "".join(self._tokens)
        for number, token in enumerate(self._tokens):
            await asyncio.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
            self._sent.append(time.monotonic())
            if not self._whole:
                yield TextDelta(token)
        if self._whole:
            yield TextDelta(text)
        yield Reply(LLMMessage("assistant", text, model=self.model), "end_turn")

    async def aclose(self) -> None:
        measures = {"cpu": time.process_time() - self._began, "sent": self._sent}
        self._measures.write_text(json.dumps(measures))


def main() -> int:
    """Run ``paced.py whole|streamed|paragraphs TOKENS MEASURES``."""
    manner, tokens, measures = sys.argv[1:]
    pieces = paragraphs if manner == "paragraphs" else answer
    llm = _PacedLLM(pieces(int(tokens)), Path(measures), whole=manner == "whole")
    engine.build_agent = lambda _options: ReActAgent(llm, tools=())  # type: ignore[assignment]
    return run_shell(ShellOptions(Settings.from_env(), "paced", None, None))


if __name__ == "__main__":
    sys.exit(main())
