"""The agent: a loop of answers and tool calls in one conversation."""

from __future__ import annotations

from aloop.agent.agent import ReActAgent

__all__ = ["ReActAgent"]
