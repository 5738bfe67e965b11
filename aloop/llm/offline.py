"""The offline demo: answers without a model, a key or a network, always the same way to the same conversation.

What the offline demo is asked to do, when it is asked for something that a tool does.

Finds the arithmetic in a sentence, without taking dates, telephone numbers or ranges for it.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from aloop.config import OFFLINE_MODEL
from aloop.llm.base import Reply, StreamEvent, TextDelta, ToolSpec
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.llm.prompts import OPENING

_LONGEST_TEXT = 300  # arithmetic in a pasted page is part of the page, not a question

_CANDIDATE = re.compile(r"[\d(.+−-][\d\s().+*/%^×÷·−-]*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SPACED_X = re.compile(r"(?<=\d) +x +(?=\d)")
_IN_WORDS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**"})

_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4})(?!\d)")
_LONG_NUMBER = re.compile(r"\+?\d+(?:-\d+)+")
_TELEPHONE_DIGITS = 7
_ASKED_SUM = re.compile(
    r"(?:what(?:'s|’s| is)|calculate|compute|evaluate|how much is|solve|work out)\s*:?\s*$", re.IGNORECASE
)


def find_expression(text: str) -> str | None:
    """Return the first arithmetic expression in ``text``, with the operators of Python, or None."""
    if len(text) > _LONGEST_TEXT:
        return None
    plain = _SPACED_X.sub(" * ", _THOUSANDS.sub("", text))
    for found in _CANDIDATE.finditer(plain):
        before, after = plain[: found.start()], plain[found.end() :]
        expression = found.group().strip().rstrip(" .*")
        if not _touches_a_word(before, found.group(), after) and _is_meant(expression, before, after):
            return expression.translate(_IN_WORDS)
    return None


def _touches_a_word(before: str, candidate: str, after: str) -> bool:
    """Whether the candidate is a piece of something longer: ``x2+3``, ``10:30-11``, ``3,14 + 1``."""
    starts_inside = bool(before) and (before[-1].isalnum() or before[-1] in "_,:.#")
    ends_inside = bool(after) and not candidate[-1].isspace() and (after[0].isalnum() or after[0] in "_:")
    return starts_inside or ends_inside


def _is_meant(expression: str, before: str, after: str) -> bool:
    compact = expression.translate(_IN_WORDS)
    if not _is_arithmetic(compact) or _DATE.search(compact):
        return False
    if _LONG_NUMBER.fullmatch(compact) and sum(map(str.isdigit, compact)) >= _TELEPHONE_DIGITS:
        return False
    if set(compact) & set("*+%"):
        return True
    # A lone - or / between numbers is more often a range or a fraction than a sum: it must be asked for.
    alone = not before.strip() and not after.strip(" =?.!\n")
    return alone or bool(_ASKED_SUM.search(before)) or after.lstrip().startswith("=")


def _is_arithmetic(expression: str) -> bool:
    """Whether it is one valid expression of numbers with an operator between two of them."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = list(ast.walk(tree.body))
    numbers_only = all(
        isinstance(node, ast.BinOp | ast.UnaryOp | ast.Constant | ast.operator | ast.unaryop) for node in nodes
    )
    return numbers_only and any(isinstance(node, ast.BinOp) for node in nodes)


_WRITE = re.compile(
    r"(?:please\s+)?write\s+(?:the\s+)?(?:file\s+)?(\"[^\"]+\"|`[^`]+`|[^\s:]+)\s*:[ \t]*\n?(.+)", re.I | re.S
)
_RUN = re.compile(r"(?:please\s+)?run\s+(?:the\s+command\s+)?(?:`([^`]+)`[.!]?|(.+))", re.I)
_READ = re.compile(
    r"(?:please\s+)?read\s+(?:the\s+)?(?:file\s+)?(\"[^\"]+\"|'[^']+'|`[^`]+`|\S+?)[\s?!,;]*(?:please)?[\s?!]*", re.I
)
_QUOTES = "\"'`"


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool's name, and the values of the arguments that it requires, in the order in which it names them."""

    tool: str
    values: tuple[str, ...]


def find_intent(text: str) -> Intent | None:
    """Return what ``text`` asks for: ``write PATH: TEXT``, ``run COMMAND``, ``read PATH``, or arithmetic."""
    said = text.strip()
    if found := _WRITE.fullmatch(said):
        return Intent("write_file", (_unquoted(found[1]), f"{found[2]}\n"))
    if found := _RUN.fullmatch(said):
        return Intent("run_shell", (found[1] or found[2],))
    if found := _READ.fullmatch(said):
        return Intent("read_file", (_unquoted(found[1]),))
    expression = find_expression(text)
    return Intent("calculator", (expression,)) if expression is not None else None


def _unquoted(word: str) -> str:
    return word[1:-1] if word[0] in _QUOTES and word[-1] == word[0] and len(word) > 2 else word


_ASKED = re.compile(r"^\[user\]\n(.*?)(?=\n\n\[|\n</conversation>|\Z)", re.MULTILINE | re.DOTALL)
_GREETING = re.compile(r"(?:hello|hi|hey|good (?:morning|evening|afternoon))(?:\s+there)?[\s!.,]*", re.IGNORECASE)
_INTRODUCTION = (
    "This is the **offline demo**, not a language model: it can work out `2+2*3`, `read PATH`, "
    "`write PATH: TEXT` and `run COMMAND`, and it remembers what was said. Set `ANTHROPIC_API_KEY` to talk to a model, "
    "or run `aloop local install` for a small one."
)
_DEEDS = {
    "read_file": "read files",
    "calculator": "work that out",
    "write_file": "write files",
    "run_shell": "run commands",
}
_LONGEST_QUOTE = 60
_LINES_SHOWN = 5
_LINE_END = "\n"
_PIECES = 40


class OfflineLLM:
    """A deterministic stand-in for a model; ``delay`` is the pause before each piece of text, in seconds."""

    model = OFFLINE_MODEL
    provider = "offline"
    context_window = 0

    def __init__(self, *, delay: float = 0.003) -> None:
        self._delay = delay

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        said = [message for message in messages if message.role != "system"]
        call = _wanted_call(said, tools)
        if call is not None:
            yield Reply(LLMMessage("assistant", tool_calls=(call,), model=self.model), "tool_use")
            return
        text = _answer(said)
        for piece in _pieces(text):
            await asyncio.sleep(self._delay)
            yield TextDelta(piece)
        yield Reply(LLMMessage("assistant", text, model=self.model), "end_turn")

    async def aclose(self) -> None:
        """Nothing is ever open."""


def _wanted_call(said: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> ToolCall | None:
    """Return the tool call that the last message asks for, if it asks for one that can be made."""
    if not said or said[-1].role != "user":
        return None
    wish = find_intent(said[-1].content or "")
    tool = next((tool for tool in tools if wish and tool.name == wish.tool), None)
    return _call(tool, wish.values, said) if wish and tool else None


def _call(tool: ToolSpec, values: Sequence[str], said: Sequence[LLMMessage]) -> ToolCall:
    """Return a call of ``tool`` with the arguments it requires; the id tells the place in the conversation."""
    names = tool.parameters.get("required") or list(tool.parameters.get("properties", {})) or ["input"]
    used = {call.id for message in said for call in message.tool_calls}
    place = len(said)
    while f"call_offline_{place}" in used:  # the conversation was shortened since that one
        place += 1
    return ToolCall(
        f"call_offline_{place}", tool.name, json.dumps(dict(zip(names, values, strict=False)), ensure_ascii=False)
    )


def _answer(said: Sequence[LLMMessage]) -> str:
    last = said[-1] if said else LLMMessage("user", "")
    if (last.content or "").startswith(OPENING):
        return _summary(last.content or "")
    text = _about_result(said) if last.role == "tool" else _about_text(last.content or "", len(said))
    # Said once in a conversation; the answers after it are shorter.
    first = not any(message.role == "assistant" and message.content for message in said)
    return f"{text}\n\n{_INTRODUCTION}" if first else text


def _summary(request: str) -> str:
    """Return what was asked in the conversation that ``request`` holds; more takes a model."""
    asked = [" ".join(text.split()) for text in _ASKED.findall(request)]
    return "\n".join(f"- You wrote: {_code(_quoted(text))}" for text in asked) or "Nothing was asked."


def _quoted(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE].rstrip() + "…"


def _about_text(text: str, remembered: int) -> str:
    memory = f"I remember {remembered} message{'' if remembered == 1 else 's'} of this conversation."
    words = " ".join(text.split())
    if _GREETING.fullmatch(words):
        return f"Hello! {memory}"
    if not words:
        return f"You wrote nothing that I can quote. {memory}"
    if (wish := find_intent(text)) is not None:
        return f"I can not {_DEEDS[wish.tool]} here: no tool for it is offered. {memory}"
    return f"You wrote: {_code(_quoted(words))}. {memory}"


def _about_result(said: Sequence[LLMMessage]) -> str:
    result = said[-1]
    calls = {call.id: call for message in said for call in message.tool_calls}
    call = calls.get(result.tool_call_id or "")
    name, argument = _described(call) if call is not None else (result.name or "a tool", "")
    content = (result.content or "").strip()
    if result.is_error:
        return f"The tool `{name}` could not do that with {_code(argument)}: {content or 'it did not say why'}"
    if name == "calculator":
        return f"{_code(argument)} = **{content.rpartition('=')[2].strip()}**"
    if name == "write_file":
        return f"Done. {content.partition(_LINE_END)[0]}"
    if name == "run_shell":
        return f"I ran {_code(argument)}.\n\n{_fenced(content)}"
    return _about_file(argument, result.content or "")


def _described(call: ToolCall) -> tuple[str, str]:
    """Return the name and the first argument of a call, which may have been made by another model."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return call.name, ""
    first = next(iter(arguments.values()), "") if isinstance(arguments, Mapping) else ""
    return call.name, str(first)


def _about_file(path: str, content: str) -> str:
    lines = content.splitlines()
    if content.strip() in ("", "(the file is empty)"):  # the second is how our own tool says it
        return f"{_code(path)} is **empty**."
    count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
    shown = "\n".join(lines[:_LINES_SHOWN])
    begins = "It begins:" if len(lines) > _LINES_SHOWN else "It says:"
    return f"I read **{count}** of {_code(path)}. {begins}\n\n{_fenced(shown)}"


def _fenced(text: str) -> str:
    """Return ``text`` as a block of code of Markdown, whatever backticks it holds."""
    fence = "`" * max(3, _longest_run_of_ticks(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _code(text: str) -> str:
    """Return ``text`` as inline code of Markdown, whatever backticks it holds."""
    ticks = "`" * (_longest_run_of_ticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run_of_ticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _pieces(text: str) -> list[str]:
    """Cut ``text`` at about the pace of a model; the pieces joined are the text again."""
    size = max(6, len(text) // _PIECES)
    return [text[start : start + size] for start in range(0, len(text), size)]
