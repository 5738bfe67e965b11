"""Titles of imported conversations.

Other tools put commands, files and notes about the environment around the words of the user.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from aloop.importers.draft import LOCAL_COMMAND
from aloop.llm.content.parts import marked_text
from aloop.llm.message_types import LLMMessage
from aloop.memory.origin import FOREIGN, INJECTED
from aloop.memory.session import TITLE_LENGTH, make_title, shortened_title
from aloop.text import clean_text

_SEARCHED = 10_000
"""Characters of a message in which its title is looked for."""
_ELEMENT = re.compile(r"\s*<([A-Za-z][\w-]{0,60})(?:\s[^<>]{0,200})?>")
_TYPED = frozenset({"task", "user_query", "user_message", "user_input", "feedback", "answer", "prompt", "bash-input"})
"""The elements that hold the words of the user."""
_PLACEHOLDER = "<image>"
"""The mark for an image in messages of data sets, before or after the words."""
_MARK = re.compile(r"\[(?:image|file|document): [^\[\]\n]*\]")
_COMMAND = re.compile(r"<command-name>\s*(/?[^<>\n]{1,80}?)\s*</command-name>")
_ARGUMENTS = re.compile(r"<command-args>([^<>]{0,500})</command-args>")
_BARE_COMMAND = re.compile(r"/[\w:.-]+")
_REQUEST = re.compile(r"^## My request for \w+:", re.MULTILINE)
_EDITOR = "# Context from my IDE setup:"
_UNTITLED = re.compile(r"(?:new|untitled|cli) (?:chat|session|conversation|task)(?: - \d{4}-.*)?", re.IGNORECASE)


def imported_title(title: str, messages: Sequence[LLMMessage], longest: int = TITLE_LENGTH) -> str:
    """Return the title of the other tool, or the first words that the user typed.

    At most ``longest`` characters of the former are kept. If the user typed only commands, such as ``/clear``, the
    title is the first of them. Without any, it is a placeholder such as ``New chat``, or the first text of the tool.
    """
    own = shortened_title(" ".join(clean_text(title).split()), longest)
    if own and not _UNTITLED.fullmatch(own):
        return own
    command = ""
    for message in messages:
        foreign = message.extra.get(FOREIGN, {})
        is_command = foreign.get("type") == LOCAL_COMMAND
        if message.role != "user" or message.summary or foreign.get(INJECTED) or (message.skip and not is_command):
            continue
        found = make_title((replace(message, content=typed_words(message), parts=(), skip=False),))
        if found and not is_command and not _BARE_COMMAND.fullmatch(found):
            return found
        command = command or found
    return command or own or make_title(tuple(messages))


def typed_words(message: LLMMessage) -> str:
    """Return the words of the user, without what the tool put around them."""
    text = _MARK.sub("", marked_text(message.content, message.parts)[:_SEARCHED]).strip()
    if command := _COMMAND.search(text):
        arguments = _ARGUMENTS.search(text)
        return f"/{command[1].lstrip('/')} {arguments[1] if arguments else ''}".strip()
    if text.startswith(_EDITOR):
        request = _REQUEST.search(text)
        return text[request.end() :].strip() if request else ""
    while element := _ELEMENT.match(text):
        inner, closing, rest = text[element.end() :].partition(f"</{element[1]}>")
        if not closing and element[0].strip() == _PLACEHOLDER:
            inner, rest = "", inner
        elif not closing:
            break
        if element[1] in _TYPED and inner.strip():
            return inner.strip()
        text = rest
    while (text := text.strip()).endswith(_PLACEHOLDER):
        text = text.removesuffix(_PLACEHOLDER)
    return text
