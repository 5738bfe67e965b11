"""Export a session as a self-contained web page, without scripts.

Tool calls are folded; the colors follow the reader's light or dark setting. Answers are rendered as Markdown, without
raw HTML and without images, because text from a model or a file must not act on the reader. A content security policy
in the page keeps the browser from loading anything as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from markdown_it import MarkdownIt

from aloop.export.markdown import format_marks
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.session import Session
from aloop.sanitize import visible

STYLE = """\
:root { color-scheme: light dark; --text: #1c1c1e; --page: #fdfdfc; --quiet: #6a6a70; --edge: #dcdce0;
  --panel: #f2f2f4; --accent: #0b5cad; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e4e7; --page: #161618; --quiet: #9a9aa2; --edge: #36363c;
    --panel: #222226; --accent: #7cb7f2; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 48rem; padding: 1.5rem 1rem 4rem; color: var(--text); background: var(--page);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
header { border-bottom: 1px solid var(--edge); margin-bottom: 1.5rem; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .3rem; }
header p, h2 a, summary { color: var(--quiet); font-size: .85rem; }
h2 { font-size: .95rem; margin: 1.8rem 0 .4rem; }
h2 a { font-weight: normal; text-decoration: none; margin-left: .3rem; }
.answer h1, .answer h2, .answer h3, .answer h4 { font-size: 1.05rem; margin: 1.2rem 0 .4rem; }
.answer { overflow-x: auto; }
.answer > :first-child { margin-top: 0; }
.answer > table, .answer > pre { margin: .8rem 0; }
.user > pre { border-left: 3px solid var(--accent); }
pre { margin: .4rem 0; padding: .6rem .8rem; background: var(--panel); border-radius: 4px; white-space: pre-wrap;
  font: .9rem/1.45 ui-monospace, monospace; }
.user > pre { font-family: inherit; }
code { font: .9em ui-monospace, monospace; background: var(--panel); border-radius: 3px; padding: .1em .25em; }
pre code { padding: 0; background: none; font-size: 1em; }
blockquote { margin: .6rem 0; padding-left: .8rem; border-left: 3px solid var(--edge); color: var(--quiet); }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--edge); padding: .25rem .6rem; text-align: left; }
a { color: var(--accent); }
details { margin: .4rem 0; }
details > pre { max-height: 30rem; overflow: auto; }
summary { cursor: pointer; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.error > summary { color: var(--bad); }
@media print { details > pre { max-height: none; } }
"""


_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
"""
_SUMMARY_LENGTH = 200
_AUTHORS = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}


def to_html(session: Session) -> str:
    """Return ``session`` as an HTML page."""
    title = _text(" ".join(session.title.split())) or "Conversation"
    page = [
        f"{_HEAD}<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>",
        f"<p>{' · '.join(_text(fact) for fact in _facts(session))}</p>\n</header>\n<main>",
        *_messages(session),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(page)


def _facts(session: Session) -> Iterator[str]:
    yield session.id
    yield f"{session.created_at:%Y-%m-%d %H:%M %z}"
    count = len(session.messages)
    yield f"{count:,} {'message' if count == 1 else 'messages'}"
    if session.model:
        yield session.model
    if session.forked_from:
        yield f"forked from {session.forked_from}"


def _messages(session: Session) -> Iterator[str]:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")
    for message in session.system_messages:
        yield _folded("system", "System message", message.content or "")
    for number, message in enumerate(session.messages, 1):
        yield f'<article class="{message.role}" id="m{number}">'
        yield from _message(message, number, markdown)
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


def _call(call: ToolCall) -> str:
    return _folded("call", f"{call.name} {_first_line(call.brief)}".rstrip(), call.arguments)


def _first_line(text: str) -> str:
    """Return the first line of ``text``, which the style cuts to the page width."""
    line, _, more = text.strip().partition("\n")
    return f"{line[:_SUMMARY_LENGTH]} …" if more or len(line) > _SUMMARY_LENGTH else line


def _folded(kind: str, summary: str, text: str) -> str:
    return f'<details class="{kind}"><summary>{_text(summary)}</summary><pre>{_text(text)}</pre></details>'


def _text(text: str) -> str:
    return escape(_safe(text))


def _safe(text: str) -> str:
    return visible(text.replace("\r\n", "\n"))
