"""Export a session as a self-contained web page.

A tool call is one line that unfolds to its arguments and its result; the colors follow the reader's light or dark
setting. Answers are rendered as Markdown, without raw HTML and without images, because text from a model or a file must
not act on the reader. A content security policy in the page keeps the browser from loading anything, and from running
any script other than the page's search.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from html import escape

from markdown_it import MarkdownIt

from aloop.export.facts import first_line, is_folded, message_facts, origin_facts, readable_arguments, time_taken
from aloop.export.markdown import format_marks
from aloop.export.page.highlight import highlight, looks_like_diff
from aloop.export.page.script import DIGEST, SCRIPT
from aloop.export.page.style import STYLE
from aloop.formatting import quantity
from aloop.llm.content.parts import MEDIA_TYPES, ContentPart
from aloop.llm.message_types import LLMMessage
from aloop.memory.annotations import header_text, note_of
from aloop.memory.origin import is_injected
from aloop.memory.pairing import pair_calls
from aloop.memory.session import Session
from aloop.sanitize import visible

_HEAD = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
"""
_BAR = """\
<nav hidden><input type="search" placeholder="Search" aria-label="Search in the conversation"><output></output>\
<button type="button" data-open>Unfold all</button><button type="button" data-close>Fold all</button></nav>"""
_AUTHORS = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}

_TASK = re.compile(r"<li>((?:\n<p>)?)\[([ xX])\] ")
"""An item of a task list, which the parser does not know."""

_Numbered = tuple[int, LLMMessage]
"""A message and its number in the session."""


def to_html(session: Session, media: Mapping[str, bytes] | None = None) -> str:
    """Return ``session`` as an HTML page.

    ``media`` are images by their paths beside the session, which become part of the page.
    """
    title = _text(" ".join(session.title.split())) or "Conversation"
    page = [
        f"{_HEAD}<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>",
        f"<p>{' · '.join(_text(fact) for fact in _facts(session))}</p>\n</header>\n{_BAR}\n<main>",
        *_messages(session, media or {}),
        "</main>\n<footer>Exported from aloop</footer>",
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(page)


def _facts(session: Session) -> Iterator[str]:
    yield session.id
    yield f"{session.created_at:%Y-%m-%d %H:%M %z}"
    count = len(session.messages)
    yield f"{count:,} {'message' if count == 1 else 'messages'}"
    yield from (value if name == "model" else f"{name} {value}" for name, value in origin_facts(session))
    if marks := header_text(session.extra):
        yield marks
    if session.forked_from:
        yield f"forked from {session.forked_from}"


def _messages(session: Session, media: Mapping[str, bytes]) -> Iterator[str]:
    for message in session.system_messages:
        yield _folded("system", _line("System message"), _pre(message.content or ""))
    markdown = (
        MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": _code}).enable("table").disable("image")
    )
    pairing = pair_calls(session.messages)
    # A result that follows its call is shown with it.
    shown_with_call = {index: caller for index, caller in pairing.callers.items() if index not in pairing.late}
    results: dict[int, list[_Numbered]] = {}
    for index, caller in shown_with_call.items():
        results.setdefault(caller, []).append((index + 1, session.messages[index]))
    for index, message in enumerate(session.messages):
        if index in shown_with_call:
            continue
        yield f'<article class="{message.role}" id="m{index + 1}">'
        if message.role in {"tool", "system"}:
            yield from _aside(message, media)
        else:
            yield from _said(index + 1, message, markdown, media)
            yield from _calls(message, results.get(index, []), media)
        yield "</article>"


def _aside(message: LLMMessage, media: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a system message, or a result that does not follow its call."""
    text = message.content or ""
    name = f"System message{format_marks(message)}"
    if message.role == "tool":
        name = f"→ {message.name or 'tool'}{format_marks(message)}: {first_line(text) or '(no output)'}"
    yield _folded("error" if message.is_error else "result", _line(name, _facts_of(message)), _pre(text))
    yield from _attached(message, media)


def _said(number: int, message: LLMMessage, markdown: MarkdownIt, media: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the text of the user or the assistant; only tool calls have no heading."""
    text = message.content or ""
    if is_folded(message) and _has_heading(message):
        author = "Inserted" if is_injected(message) else _AUTHORS[message.role]
        name = f"{author}{format_marks(message)}: {first_line(text)}".rstrip(": ")
        yield _folded("result", _line(name, _facts_of(message)), _pre(text), *_attached(message, media))
        return
    if _has_heading(message):
        author = f"{_AUTHORS[message.role]}{_text(format_marks(message))}"
        yield f'<h2><span>{author} <a href="#m{number}">{number}</a></span>{_facts_of(message)}</h2>'
    for block in message.thinking:
        if block.thinking:
            yield _folded("thinking", _line("Thinking"), _pre(block.thinking))
    if text and message.role == "assistant":
        yield f'<div class="answer">{_TASK.sub(_task, markdown.render(_safe(text)))}</div>'
    elif text:
        yield f"<pre>{_text(text)}</pre>"
    yield from _attached(message, media)


def _has_heading(message: LLMMessage) -> bool:
    return bool(message.content or message.interrupted or message.parts or not message.tool_calls)


def _calls(message: LLMMessage, results: list[_Numbered], media: Mapping[str, bytes]) -> Iterator[str]:
    """Yield each call of a message, which unfolds to its arguments and its result."""
    for call in message.tool_calls:
        result = next((each for each in results if each[1].tool_call_id == call.id), None)
        body = [] if _has_heading(message) else [_facts_of(message)]
        body.append(_pre(*readable_arguments(call)))
        name = f"{call.name} {first_line(call.brief)}".rstrip()
        if result is None:
            yield _folded("call", _line(f"· {name}", _small("no result")), *body)
            continue
        results.remove(result)
        number, answer = result
        text = answer.content or ""
        body.append(f'<div id="m{number}">{_facts_of(answer)}{_pre(text)}')
        body += [*_attached(answer, media), "</div>"]
        facts = [quantity(len(text.splitlines()), "line") if text else "no output"]
        facts += [time_taken(answer)] if answer.duration_ms is not None else []
        line = _line(f"{'✗' if answer.is_error else '✓'} {name}{format_marks(answer)}", _small(" · ".join(facts)))
        yield _folded("call error" if answer.is_error else "call", line, *body)


def _facts_of(message: LLMMessage) -> str:
    return _small(" · ".join(message_facts(message)))


def _small(text: str) -> str:
    return f"<small>{_text(text)}</small>" if text else ""


def _attached(message: LLMMessage, media: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the images, the documents and the note of a message."""
    for part in message.parts:
        yield _part(part, media)
    if note := note_of(message):
        yield f"<aside>{_text(note)}</aside>"


def can_show(part: ContentPart, media: Mapping[str, bytes]) -> bool:
    """Return True for an image that is on the page, and not only its name."""
    return part.file in media and part.media_type in MEDIA_TYPES


def _part(part: ContentPart, media: Mapping[str, bytes]) -> str:
    """Return an image, or a document and a foreign part in words."""
    if not can_show(part, media):
        return f"<p>{_text(part.mark)}</p>"
    source = f"data:{part.media_type};base64,{base64.b64encode(media[part.file]).decode()}"
    return f'<img src="{source}" alt="{_text(part.name or part.kind)}">'


def _task(found: re.Match[str]) -> str:
    return f'<li class="task">{found[1]}{"☐" if found[2] == " " else "☑"} '


def _code(text: str, language: str, _attributes: str) -> str:
    return highlight(text, language)


def _line(text: str, facts: str = "") -> str:
    """Return the line of a fold; ``facts`` are HTML, for its right end."""
    return f"<span>{_text(text)}</span>{facts}"


def _folded(kind: str, line: str, *body: str) -> str:
    return f'<details class="{kind}"><summary>{line}</summary>{"".join(body)}</details>'


def _pre(text: str, language: str = "") -> str:
    return f"<pre>{highlight(_safe(text), language or ('diff' if looks_like_diff(text) else ''))}</pre>"


def _text(text: str) -> str:
    return escape(_safe(text))


def _safe(text: str) -> str:
    return visible(text.replace("\r\n", "\n"))
