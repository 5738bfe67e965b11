"""The offline demo: deterministic answers without a model, a key or a network.

It recognizes a few requests that a tool can do, such as arithmetic in a sentence, and quotes everything else.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from aloop.config.values import OFFLINE_MODEL
from aloop.formatting import quantity
from aloop.llm.base import Reply, StreamEvent, TextDelta, ToolSpec
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.llm.prompts import OPENING

_MAX_QUESTION_LENGTH = 300  # characters; arithmetic in a longer text is part of that text, not a question

_CANDIDATE = re.compile(r"[\d(.+−-][\d\s().+*/%^×÷·−-]*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SPACED_X = re.compile(r"(?<=\d) +x +(?=\d)")
_PYTHON_OPERATORS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**"})

_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4})(?!\d)")
_HYPHENATED_NUMBER = re.compile(r"\+?\d+(?:-\d+)+")
_MIN_TELEPHONE_DIGITS = 7
_CALCULATION_REQUEST = re.compile(
    r"(?:what(?:'s|’s| is)|calculate|compute|evaluate|how much is|solve|work out)\s*:?\s*$", re.IGNORECASE
)


def find_expression(text: str) -> str | None:
    """Return the first arithmetic expression in ``text``, in Python's notation.

    Dates, telephone numbers and ranges are not expressions.
    """
    if len(text) > _MAX_QUESTION_LENGTH:
        return None
    plain = _SPACED_X.sub(" * ", _THOUSANDS.sub("", text))
    for found in _CANDIDATE.finditer(plain):
        before, after = plain[: found.start()], plain[found.end() :]
        expression = found.group().strip().rstrip(" .*")
        if not _is_inside_word(before, found.group(), after) and _is_calculation(expression, before, after):
            return expression.translate(_PYTHON_OPERATORS)
    return None


def _is_inside_word(before: str, candidate: str, after: str) -> bool:
    """Return True if the candidate is a part of ``x2+3``, ``10:30-11`` or the like."""
    starts_inside = bool(before) and (before[-1].isalnum() or before[-1] in "_,:.#")
    ends_inside = bool(after) and not candidate[-1].isspace() and (after[0].isalnum() or after[0] in "_:")
    return starts_inside or ends_inside


def _is_calculation(expression: str, before: str, after: str) -> bool:
    """Return True if the user probably wants the value of ``expression``."""
    compact = expression.translate(_PYTHON_OPERATORS)
    if not _is_arithmetic(compact) or _DATE.search(compact):
        return False
    if _HYPHENATED_NUMBER.fullmatch(compact) and sum(map(str.isdigit, compact)) >= _MIN_TELEPHONE_DIGITS:
        return False
    if set(compact) & set("*+%"):
        return True
    # In a sentence, - or / between numbers is usually a range or a fraction.
    alone = not before.strip() and not after.strip(" =?.!\n")
    return alone or bool(_CALCULATION_REQUEST.search(before)) or after.lstrip().startswith("=")


def _is_arithmetic(expression: str) -> bool:
    """Return True for a valid expression of numbers with at least one binary operator."""
    try:
        nodes = list(ast.walk(ast.parse(expression, mode="eval").body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    arithmetic = ast.BinOp | ast.UnaryOp | ast.Constant | ast.operator | ast.unaryop
    return all(isinstance(node, arithmetic) for node in nodes) and any(isinstance(node, ast.BinOp) for node in nodes)


_WRITE = re.compile(
    r"(?:please\s+)?write\s+(?:the\s+)?(?:file\s+)?(\"[^\"]+\"|`[^`]+`|[^\s:]+)\s*:[ \t]*\n?(.+)", re.I | re.S
)
_RUN = re.compile(r"(?:please\s+)?run\s+(?:the\s+command\s+)?(?:`([^`]+)`[.!]?|(.+))", re.I)
_READ = re.compile(
    r"(?:please\s+)?read\s+(?:the\s+)?(?:file\s+)?(\"[^\"]+\"|'[^']+'|`[^`]+`|\S+?)[\s?!,;]*(?:please)?[\s?!]*", re.I
)
_QUOTES = "\"'`"
_NOTES = re.compile(r"\n\n\[(?:The working directory|Plan mode|Project instructions|Skills) .*\Z", re.DOTALL)
"""Notes that aloop adds to a message."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool and the values of its required arguments, in the order of its schema."""

    tool: str
    values: tuple[str, ...]


def find_intent(text: str) -> Intent | None:
    """Recognize ``write PATH: TEXT``, ``run COMMAND``, ``read PATH`` or arithmetic."""
    request = _NOTES.sub("", text).strip()
    if found := _WRITE.fullmatch(request):
        return Intent("write_file", (_unquoted(found[1]), f"{found[2]}\n"))
    if found := _RUN.fullmatch(request):
        return Intent("run_shell", (found[1] or found[2],))
    if found := _READ.fullmatch(request):
        return Intent("read_file", (_unquoted(found[1]),))
    expression = find_expression(request)
    return Intent("calculator", (expression,)) if expression is not None else None


def _unquoted(word: str) -> str:
    return word[1:-1] if word[0] in _QUOTES and word[-1] == word[0] and len(word) > 2 else word


_USER_MESSAGES = re.compile(r"^\[user\]\n(.*?)(?=\n\n\[|\n</conversation>|\Z)", re.MULTILINE | re.DOTALL)
_GREETING = re.compile(r"(?:hello|hi|hey|good (?:morning|evening|afternoon))(?:\s+there)?[\s!.,]*", re.IGNORECASE)
_INTRODUCTION = (
    "This is the **offline demo**, not a language model. It can calculate `2+2*3`, `read PATH`, `write PATH: TEXT` and "
    "`run COMMAND`, and it remembers the conversation. To talk to a model, set `ANTHROPIC_API_KEY`, or run "
    "`aloop local install` for a small one."
)
_ABILITIES = {
    "read_file": "read files",
    "calculator": "calculate",
    "write_file": "write files",
    "run_shell": "run commands",
}
_MAX_QUOTE_LENGTH = 60
_MAX_LINES_SHOWN = 5
_LINE_END = "\n"
_LINE_NUMBER = re.compile(r"^ *\d+\t")  # in the result of read_file
_PIECES = 40


class OfflineLLM:
    """A deterministic substitute; ``delay`` is the pause before a piece in seconds."""

    model = OFFLINE_MODEL
    provider = "offline"
    context_window = 0

    def __init__(self, *, delay: float = 0.003) -> None:
        self._delay = delay

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        history = [message for message in messages if message.role != "system"]
        call = _requested_call(history, tools)
        if call is not None:
            yield Reply(LLMMessage("assistant", tool_calls=(call,), model=self.model), "tool_use")
            return
        text = _answer(history)
        for piece in _pieces(text):
            await asyncio.sleep(self._delay)
            yield TextDelta(piece)
        yield Reply(LLMMessage("assistant", text, model=self.model), "end_turn")

    async def aclose(self) -> None:
        """Do nothing; the demo opens no connection."""


def _requested_call(history: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> ToolCall | None:
    """Return the tool call that the last message asks for, if there is a tool."""
    if not history or history[-1].role != "user":
        return None
    intent = find_intent(history[-1].content or "")
    tool = next((tool for tool in tools if intent and tool.name == intent.tool), None)
    return _call(tool, intent.values, history) if intent and tool else None


def _call(tool: ToolSpec, values: Sequence[str], history: Sequence[LLMMessage]) -> ToolCall:
    """Return a call of ``tool``; its ID is numbered by the length of ``history``."""
    names = tool.parameters.get("required") or list(tool.parameters.get("properties", {})) or ["input"]
    used = {call.id for message in history for call in message.tool_calls}
    number = len(history)
    while f"call_offline_{number}" in used:  # possible after messages were removed
        number += 1
    return ToolCall(
        f"call_offline_{number}", tool.name, json.dumps(dict(zip(names, values, strict=False)), ensure_ascii=False)
    )


def _answer(history: Sequence[LLMMessage]) -> str:
    last = history[-1] if history else LLMMessage("user", "")
    if (last.content or "").startswith(OPENING):
        return _summary(last.content or "")
    text = _about_result(history) if last.role == "tool" else _about_text(last.content or "", len(history))
    is_first = not any(message.role == "assistant" and message.content for message in history)
    return f"{text}\n\n{_INTRODUCTION}" if is_first else text


def _summary(request: str) -> str:
    """List the user's messages in the conversation that ``request`` contains."""
    texts = [" ".join(text.split()) for text in _USER_MESSAGES.findall(request)]
    return (
        "\n".join(f"- You wrote: {_code(_shortened(text))}" for text in texts)
        or "The conversation contains no user message."
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_QUOTE_LENGTH else text[:_MAX_QUOTE_LENGTH].rstrip() + "…"


def _about_text(text: str, remembered: int) -> str:
    memory = f"I remember {quantity(remembered, 'message')} of this conversation."
    words = " ".join(text.split())
    if _GREETING.fullmatch(words):
        return f"Hello! {memory}"
    if not words:
        return f"Your message is empty. {memory}"
    if (intent := find_intent(text)) is not None:
        return f"I cannot {_ABILITIES[intent.tool]} because this conversation has no tool for it. {memory}"
    return f"You wrote: {_code(_shortened(words))}. {memory}"


def _about_result(history: Sequence[LLMMessage]) -> str:
    result = history[-1]
    calls = {call.id: call for message in history for call in message.tool_calls}
    call = calls.get(result.tool_call_id or "")
    name, argument = _described(call) if call is not None else (result.name or "a tool", "")
    content = (result.content or "").strip()
    if result.is_error:
        return f"The tool `{name}` failed for {_code(argument)}: {content or 'it gave no reason'}"
    if name == "calculator":
        return f"{_code(argument)} = **{content.rpartition('=')[2].strip()}**"
    if name == "write_file":
        return f"Done. {content.partition(_LINE_END)[0]}"
    if name == "run_shell":
        return f"I ran {_code(argument)}.\n\n{_fenced(content)}"
    return _about_file(argument, result.content or "")


def _described(call: ToolCall) -> tuple[str, str]:
    """Return the name and the first argument of a call, which may be another model's."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return call.name, ""
    first = next(iter(arguments.values()), "") if isinstance(arguments, Mapping) else ""
    return call.name, str(first)


def _about_file(path: str, content: str) -> str:
    lines = [_LINE_NUMBER.sub("", line) for line in content.splitlines()]
    if content.strip() in ("", "(the file is empty)"):  # the second is the result of read_file
        return f"{_code(path)} is **empty**."
    shown = "\n".join(lines[:_MAX_LINES_SHOWN])
    heading = "It begins with:" if len(lines) > _MAX_LINES_SHOWN else "It contains:"
    return f"I read **{quantity(len(lines), 'line')}** of {_code(path)}. {heading}\n\n{_fenced(shown)}"


def _fenced(text: str) -> str:
    """Return ``text`` as a fenced code block, whatever backticks it contains."""
    fence = "`" * max(3, _longest_run_of_ticks(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _code(text: str) -> str:
    """Return ``text`` as inline code of Markdown, whatever backticks it contains."""
    ticks = "`" * (_longest_run_of_ticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run_of_ticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _pieces(text: str) -> list[str]:
    """Split ``text`` into at most about 40 pieces, for streaming."""
    size = max(6, len(text) // _PIECES)
    return [text[start : start + size] for start in range(0, len(text), size)]
