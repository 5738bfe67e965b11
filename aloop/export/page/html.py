"""Export a session as a self-contained web page.

Tool calls are folded; the colors follow the reader's light or dark setting. Answers are rendered as Markdown, without
raw HTML and without images, because text from a model or a file must not act on the reader. A content security policy
in the page keeps the browser from loading anything, and from running any other script than the page's search.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape

from markdown_it import MarkdownIt

from aloop.export.facts import message_facts
from aloop.export.markdown import format_marks
from aloop.export.page.highlight import highlight, looks_like_diff
from aloop.export.page.script import DIGEST, SCRIPT
from aloop.export.page.style import STYLE
from aloop.llm.content.parts import MEDIA_TYPES, ContentPart
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.annotations import header_text, note_of
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
_SUMMARY_LENGTH = 200
_AUTHORS = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}


def to_html(session: Session, media: Mapping[str, bytes] | None = None) -> str:
    """Return ``session`` as an HTML page.

    ``media`` are images by their paths beside the session, which become part of the page.
    """
    title = _text(" ".join(session.title.split())) or "Conversation"
    page = [
        f"{_HEAD}<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>",
        f"<p>{' · '.join(_text(fact) for fact in _facts(session))}</p>\n</header>\n{_BAR}\n<main>",
        *_messages(session, media or {}),
        f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(page)


def _facts(session: Session) -> Iterator[str]:
    yield session.id
    yield f"{session.created_at:%Y-%m-%d %H:%M %z}"
    count = len(session.messages)
    yield f"{count:,} {'message' if count == 1 else 'messages'}"
    if session.model:
        yield session.model
    if marks := header_text(session.extra):
        yield marks
    if session.forked_from:
        yield f"forked from {session.forked_from}"


def _messages(session: Session, media: Mapping[str, bytes]) -> Iterator[str]:
    markdown = (
        MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": _code}).enable("table").disable("image")
    )
    for message in session.system_messages:
        yield _folded("system", "System message", message.content or "")
    for number, message in enumerate(session.messages, 1):
        yield f'<article class="{message.role}" id="m{number}">'
        yield from _message(message, number, markdown)
        yield from (_part(part, media) for part in message.parts)
        if facts := " · ".join(message_facts(message)):
            yield f"<small>{_text(facts)}</small>"
        if note := note_of(message):
            yield f"<aside>{_text(note)}</aside>"
        yield "</article>"


def _message(message: LLMMessage, number: int, markdown: MarkdownIt) -> Iterator[str]:
    text = message.content or ""
    if message.role in {"tool", "system"}:
        name = f"System message{format_marks(message)}"
        if message.role == "tool":
            name = f"→ {message.name or 'tool'}{format_marks(message)}: {_first_line(text) or '(no output)'}"
        yield _folded("error" if message.is_error else "result", name, text)
        return
    if text or message.interrupted or not message.tool_calls:
        yield f'<h2>{_AUTHORS[message.role]}{_text(format_marks(message))} <a href="#m{number}">{number}</a></h2>'
    for block in message.thinking:
        if block.thinking:
            yield _folded("thinking", "Thinking", block.thinking)
    if text and message.role == "assistant":
        yield f'<div class="answer">{markdown.render(_safe(text))}</div>'
    elif text:
        yield f"<pre>{_text(text)}</pre>"
    yield from map(_call, message.tool_calls)


def _part(part: ContentPart, media: Mapping[str, bytes]) -> str:
    """Return an image, or a document and a foreign part in words."""
    data = media.get(part.file)
    if data is None or part.media_type not in MEDIA_TYPES:
        return f"<p>{_text(part.mark)}</p>"
    source = f"data:{part.media_type};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" alt="{_text(part.name or part.kind)}">'


def _code(text: str, language: str, _attributes: str) -> str:
    return highlight(text, language)


def _call(call: ToolCall) -> str:
    return _folded("call", f"{call.name} {_first_line(call.brief)}".rstrip(), call.arguments, "json")


def _first_line(text: str) -> str:
    """Return the first line of ``text``, which the style cuts to the page width."""
    line, _, more = text.strip().partition("\n")
    return f"{line[:_SUMMARY_LENGTH]} …" if more or len(line) > _SUMMARY_LENGTH else line


def _folded(kind: str, summary: str, text: str, language: str = "") -> str:
    body = highlight(_safe(text), language or ("diff" if looks_like_diff(text) else ""))
    return f'<details class="{kind}"><summary>{_text(summary)}</summary><pre>{body}</pre></details>'


def _text(text: str) -> str:
    return escape(_safe(text))


def _safe(text: str) -> str:
    return visible(text.replace("\r\n", "\n"))
