"""The formats that can be imported, by name; a reader is loaded on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aloop.importers.imported import Imported
    from aloop.importers.source import Source

    Reader = Callable[[Source], Iterator[Imported]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its label for users, and the module with its ``read``."""

    label: str
    module: str

    def reader(self) -> Reader:
        """Return the function that yields the conversations of a source."""
        read: Reader = import_module(f"aloop.importers.{self.module}").read
        return read


FORMATS: dict[str, Format] = {
    "claude-code": Format("Claude Code", "agents.claude_code"),
    "codex": Format("Codex", "agents.codex"),
    "pi": Format("pi", "agents.pi"),
    "opencode": Format("opencode", "agents.opencode"),
    "gemini-cli": Format("Gemini CLI", "agents.gemini"),
    "cline": Format("Cline or Roo", "agents.cline"),
    "kimi": Format("Kimi", "agents.kimi"),
    "mistral-vibe": Format("Mistral Vibe", "agents.vibe"),
    "aider": Format("aider", "agents.aider"),
    "llm": Format("llm", "databases.llm_logs"),
    "goose": Format("goose", "databases.goose"),
    "crush": Format("Crush", "databases.crush"),
    "chatgpt": Format("ChatGPT", "chats.chatgpt"),
    "claude-ai": Format("Claude.ai", "chats.claude_ai"),
    "openai": Format("OpenAI messages", "plain.openai"),
    "anthropic": Format("Anthropic messages", "plain.anthropic"),
    "sharegpt": Format("ShareGPT", "plain.sharegpt"),
    "aloop": Format("aloop", "plain.own"),
    "ouro": Format("ouro", "plain.ouro"),
}


def label_of(origin: str | None) -> str:
    """Return the label of a format that a session names, for display; empty for None.

    The name may come from a file that was not written by aloop, and may contain anything.
    """
    form = FORMATS.get(origin or "")
    return form.label if form else (origin or "")


LABEL_CELLS = max(len(form.label) for form in FORMATS.values())
"""The length of the longest label."""
KINDS = {"branch": ("branch", "branches"), "subagent": ("subagent run", "subagent runs")}
"""The names, one and several, of parts of a conversation with their own sessions."""


def mark_of(kind: str | None) -> str:
    """Return what is shown before the title of a branch or subagent run, else nothing."""
    return f"({KINDS[kind][0]}) " if kind in KINDS else ""


TOOLS = tuple(name for name, form in FORMATS.items() if form.module.startswith(("agents.", "databases.")))
"""Formats of programs on this machine, whose sessions are found by the name of the program."""
PROJECT_TOOLS = tuple(tool for tool in TOOLS if tool != "llm")
"""Those whose sessions belong to a folder."""
