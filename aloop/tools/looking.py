"""What the tools that look at files have in common: inside the working directory they may, outside they ask."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from aloop.consent import Request
from aloop.tools.base import Action, Tool, ToolResult
from aloop.tools.workspace import Workspace


class LookingTool(Tool):
    """Looks at what the argument ``path`` names, at the working directory itself when it is left out."""

    only_reads = True

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        path = await asyncio.to_thread(self._workspace.locate, arguments.get("path", "."))
        if self._workspace.admits(path):
            return await super().prepare(arguments)
        request = Request(("outside",), f"{self.name} outside the working directory", str(path))
        # Allowed is the path that was shown: a link that leads elsewhere by then is met by the fence.
        allowed = self._workspace.with_gate(path)
        return Action(lambda _tell: self.look(allowed, arguments), request)

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return await self.look(self._workspace, arguments)

    @abstractmethod
    async def look(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it, within the fence of ``workspace``."""
