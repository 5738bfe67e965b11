"""The tool that calculates: ``calculator``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.tools.arithmetic import calculate, show
from aloop.tools.base import Tool, ToolResult
from aloop.tools.functions import CONSTANTS, FUNCTIONS


class Calculator(Tool):
    """Gives the value of one arithmetic expression. It is bounded, so it needs no thread."""

    name = "calculator"
    description = (
        "Calculate an arithmetic expression. Whole numbers are exact. Operators: + - * / // ** (or ^) and % "
        f"(remainder, or percent as in 15% of 80). Functions: {', '.join(FUNCTIONS)} (angles in radians, log is "
        f"natural unless a base follows, round takes a half to the even side). Constants: {', '.join(CONSTANTS)}."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"expression": {"type": "string", "description": "For example: 2 * (3 + 4) ** 2"}},
        "required": ["expression"],
        "additionalProperties": False,
    }
    headline = "expression"
    only_reads = True

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(show(calculate(arguments["expression"])))
