"""Content blocks in the shape of Anthropic's API, which many tools store.

Some store those of Vercel's AI SDK instead, such as ``tool-call``, or mix them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aloop.importers.draft import Builder, Draft
from aloop.importers.values import arguments_text, items, joined, json_text, mapping, number, objects, text
from aloop.llm.content.images import HEAD, media_type_of
from aloop.llm.message_types import Usage

_TEXT_TYPES = ("text", "input_text", "output_text")
_RESULT_TYPES = (
    "tool_result",
    "tool-result",
    "web_search_tool_result",
    "code_execution_tool_result",
    "mcp_tool_result",
)
_CALL_TYPES = ("tool_use", "tool-call", "server_tool_use", "mcp_tool_use")
_SEALED = ("encrypted_content", "thoughtSignature", "providerOptions")
"""Keys of thinking that only its own provider can read."""
_ENCODED = re.compile(
    r'(?:"(?:base64|blob|bytes|data|file_data|image_data)": "|(?<=")data:([\w.+-]+/[\w.+-]+)(?:;[\w=.-]+)*;base64,)'
    r'((?:[A-Za-z0-9+/]|\\[rn])+={0,2}(?:\\[rn])*)(?=")'
)
_LONG = 200
"""Characters of base64 that are a file even if its type is not known."""


def add_answer_blocks(builder: Builder, draft: Draft, content: object, at: datetime | None = None) -> None:
    """Add the blocks of an answer; results among them are those of the server's tools."""
    if isinstance(content, str):
        draft.add_text(content)
    for block in items(content):
        if isinstance(block, str):
            draft.add_text(block)
        elif isinstance(block, Mapping):
            _add_answer_block(builder, draft, block, at)


def _add_answer_block(builder: Builder, draft: Draft, block: Mapping[str, Any], at: datetime | None) -> None:
    kind = text(block.get("type"))
    if kind in _TEXT_TYPES:
        draft.add_text(text(block.get("text")))
        if block.get("citations"):
            draft.foreign.setdefault("citations", []).append(block["citations"])
    elif kind == "thinking":
        draft.add_thinking(text(block.get("thinking")), signature=text(block.get("signature")))
    elif kind == "redacted_thinking":
        draft.add_thinking(redacted=text(block.get("data")))
    elif kind in ("reasoning", "thoughtSignature"):
        draft.add_thinking(text(block.get("text")))
        if sealed := {key: block[key] for key in _SEALED if block.get(key)}:
            draft.foreign.setdefault("reasoning", []).append(sealed)
    elif kind in _CALL_TYPES:
        call_id = text(block.get("id") or block.get("toolCallId")) or builder.new_id()
        name = text(block.get("name") or block.get("toolName")) or kind
        draft.add_call(call_id, name, arguments_text(block.get("input")))
    elif kind in _RESULT_TYPES:
        add_result_block(builder, block, at)
    else:
        draft.add_text(part_text(builder, block))


def add_user_content(builder: Builder, content: object, at: datetime | None = None, **facts: Any) -> Draft | None:
    """Append the results in a user message, then its text, whose draft is returned."""
    rest = []
    for part in items(content) if isinstance(content, list) else [content]:
        if isinstance(part, Mapping) and part.get("type") in _RESULT_TYPES:
            add_result_block(builder, part, at)
        else:
            rest.append(part)
    words = content_text(builder, rest)
    return builder.user(words, at, **facts) if words else None


def add_result_block(builder: Builder, block: Mapping[str, Any], at: datetime | None, **facts: Any) -> Draft:
    """Append one tool result."""
    content, failed = block.get("content"), block.get("is_error") is True
    if block.get("type") == "tool-result":
        output = block.get("output")
        content = output.get("value") if isinstance(output, Mapping) else output
        # Roo has no other mark for a failure than the start of the text.
        failed = text(mapping(output).get("type")).startswith("error") or text(content).lstrip().startswith("[ERROR]")
        if isinstance(content, Mapping):
            content = content_json(builder, dict(content))
    call_id = text(block.get("tool_use_id") or block.get("toolCallId"))
    return builder.result(call_id, content_text(builder, content), at, is_error=failed, name=None, **facts)


def content_text(builder: Builder, content: object) -> str:
    """Return content as text, with a mark for each image or file that is kept."""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return text(content)
    return joined(part if isinstance(part, str) else part_text(builder, mapping(part)) for part in content)


def part_text(builder: Builder, part: Mapping[str, Any]) -> str:
    """Return one part of a content as text."""
    kind = text(part.get("type"))
    if kind in ("image_url", "input_image"):
        return _image_url(builder, part.get("image_url"))
    if kind == "image" and isinstance(part.get("image"), str):
        return _image_url(builder, part["image"])
    if kind == "resource" and (words := text(mapping(part.get("resource")).get("text"))):
        return words
    if kind in ("image", "document"):
        return _source(builder, kind, mapping(part.get("source")) or part)
    if kind == "file" and part.get("path"):
        content = part.get("content")
        words = content_json(builder, content) if isinstance(content, dict) else text(content)
        return f'<file path="{text(part["path"])}">\n{words}\n</file>'
    for key in ("text", "value", "content", "thinking"):
        if isinstance(part.get(key), str):
            return text(part[key])
    return content_json(builder, dict(part)) if part else ""


def content_json(builder: Builder, value: object) -> str:
    """Return a value as JSON, with a mark in place of each file in base64."""

    def keep(found: re.Match[str]) -> str:
        encoded = re.sub(r"\\[rn]", "", found[2])
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return found[0]
        media_type = found[1] or media_type_of(raw[:HEAD])
        if not media_type and len(encoded) < _LONG:
            return found[0]
        start = found[0][: found.start(2) - found.start()] if found[1] is None else ""
        return start + builder.file(media_type or "application/octet-stream", raw)

    words = json_text(value)
    return words if isinstance(value, str) else _ENCODED.sub(keep, words)


def _image_url(builder: Builder, value: object) -> str:
    url = text(mapping(value).get("url")) if isinstance(value, Mapping) else text(value)
    return data_url(builder, url) if url.startswith("data:") else f"[image: {url}]"


def data_url(builder: Builder, url: str) -> str:
    """Keep the content of a ``data:`` address and return its mark."""
    head, _, data = url.removeprefix("data:").partition(",")
    return builder.image(head.partition(";")[0] or "application/octet-stream", data)


def _source(builder: Builder, kind: str, source: Mapping[str, Any]) -> str:
    media_type = text(source.get("media_type") or source.get("mimeType") or source.get("mime_type"))
    if source.get("type") == "text":
        return text(source.get("data"))
    if source.get("url"):
        return f"[{kind}: {text(source['url'])}]"
    return builder.image(media_type or "application/octet-stream", text(source.get("data")))


def usage_of(value: object) -> Usage | None:
    """Return the tokens in Anthropic's ``usage``; None if it has none."""
    found = mapping(value)
    if not found:
        return None
    return Usage(
        number(found.get("input_tokens")),
        number(found.get("output_tokens")),
        number(found.get("cache_creation_input_tokens")),
        number(found.get("cache_read_input_tokens")),
    )


def texts_of(content: object) -> str:
    """Return only the texts of a content, for a first look at it."""
    if isinstance(content, str):
        return content
    return joined(text(part.get("text")) for part in objects(content))
