"""What a tool is: a name, a JSON schema, and one coroutine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aloop.llm.base import ToolSpec


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What goes back to the model; ``is_error`` tells it that the call failed."""

    text: str
    is_error: bool = False


class Tool(ABC):
    """One tool; a subclass sets the three class attributes and ``run``.

    ``parameters`` is a JSON schema of type object; arguments are validated against it before ``run`` sees them.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[Mapping[str, Any]]
    headline: ClassVar[str] = ""
    """The name of the argument that tells a reader most, shown beside the tool's name; empty when there is none."""

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.description, self.parameters)

    @abstractmethod
    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it; raise ToolError with a sentence the model can act on when it can not be done."""
