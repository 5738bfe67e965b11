"""The agent: a loop of answers and tool calls over one conversation."""

from __future__ import annotations

from aloop.agent.react import ReActAgent

__all__ = ["ReActAgent"]
