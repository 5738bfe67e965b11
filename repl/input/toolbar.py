"""The toolbar below the prompt: its parts, as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from aloop.formatting import quantity, thousands
from aloop.local_model.models import TOY, title_of
from aloop.project import find_branch
from aloop.sanitize import safe_line
from aloop.width import fit, text_width, unjoined
from repl.options import ShellOptions
from repl.output.styled import Line, Span, line
from repl.output.theme import Look, Style
from repl.startup.banner import expected_model

if TYPE_CHECKING:
    from aloop.llm.cost.pricing import Cost
    from aloop.memory import ContextUse
    from aloop.permissions import Kind
    from commands.context import Context
    from repl.engine import Engine

_SEPARATOR = " · "
_ASKING = "asking"
_LEAST_WANTED = (_ASKING, "branch", "cost", "messages", "jobs", "context", "title", "mode", "model")
"""The parts in the order in which a narrow screen drops them, the first of them before it cuts the title."""

_SHORTEST_TITLE, _LONGEST_TITLE = 12, 40  # cells
_BAR_CELLS = 8
_WARNING_SHARE, _BAD_SHARE = 0.7, 0.9
_KINDS: Mapping[Kind, str] = {"write": "file changes", "shell": "commands", "outside": "outside paths"}

Parts = Mapping[str, list[Span]]


class Toolbar:
    """The toolbar of a shell, which keeps the cost and the branch."""

    def __init__(self, options: ShellOptions, engine: Engine, redraw: Callable[[], None]) -> None:
        self._options = options
        self._engine = engine
        self._redraw = redraw
        self._cost: tuple[str, Cost] | None = None
        self._branch = find_branch()

    def line(self, width: int) -> Line:
        """Return the toolbar in ``width`` cells, as it is now."""
        parts = toolbar_parts(self._options, self._engine.context, self._session_cost(), self._branch)
        return toolbar_line(parts, width)

    def update_branch(self) -> None:
        """Find the branch again, which a turn may have changed."""
        self._branch = find_branch()

    async def update_cost(self) -> None:
        """Calculate the cost of the session, in a thread: the first one loads prices."""
        if (context := self._engine.context) is None:
            return
        import asyncio  # here: the first paint needs no event loop

        memory, prices = context.memory, context.agent.budget.prices
        cost = await asyncio.to_thread(prices.cost_of, memory.messages)
        self._cost = memory.session_id, cost
        self._redraw()

    def _session_cost(self) -> Cost | None:
        context = self._engine.context
        is_current = self._cost and context and self._cost[0] == context.memory.session_id
        return self._cost[1] if self._cost and is_current else None


def toolbar_line(parts: Parts, width: int) -> Line:
    """Return the parts that fit.

    Narrow screens leave out what can be expected, then cut the title, then drop parts.
    """
    shown = dict(parts)
    if _room_for_title(shown, width) < 0:
        shown.pop(_ASKING, None)
    if _room_for_title(shown, width) < 0 and (meter := shown.get("context")) and meter[0][0] is Style.QUIET:
        shown["context"] = [(Style.QUIET, meter[-1][1].strip())]  # without the bar: there is room left in the window
    dropped = [name for name in _LEAST_WANTED if name in shown]
    room = _room_for_title(shown, width)
    if room < 0 and "title" in shown:
        title = "".join(text for _, text in shown["title"])
        shown["title"] = [(Style.QUIET, fit(title, max(text_width(title) + room, _SHORTEST_TITLE)))]
        room = _room_for_title(shown, width)
    while room < 0 and len(shown) > 1:
        del shown[dropped.pop(0)]
        room = _room_for_title(shown, width)
    spans: list[Span] = []
    for part in shown.values():
        spans += [*([(Style.QUIET, _SEPARATOR)] if spans else []), *part]
    return _cut(spans, width) if room < 0 else line(*(span for span in spans if span[1]))


def _room_for_title(parts: Parts, width: int) -> int:
    """Return the number of cells that are left beside ``parts``."""
    taken = sum(text_width(text) for part in parts.values() for _, text in part)
    return width - taken - len(_SEPARATOR) * (len(parts) - 1)


def _cut(spans: list[Span], width: int) -> Line:
    kept: list[Span] = []
    for look, text in spans:
        kept.append((look, fit(text, width)))
        width -= text_width(kept[-1][1])
    return line(*(span for span in kept if span[1]))


def toolbar_parts(
    options: ShellOptions, context: Context | None, cost: Cost | None = None, branch: str = ""
) -> dict[str, list[Span]]:
    """Return the parts of the settings; without a context, from the options alone.

    ``cost`` is that of the session, None if it is not known yet.
    """
    model = context.agent.llm.model if context else expected_model(options.model, options.settings)
    count = context.memory.message_count if context else 0
    title = unjoined(safe_line(context.memory.title)) if context and count else "new session"
    has_tools = bool(context.agent.tool_specs) if context else model != TOY
    use = context.agent.context_use if context else None
    texts = {
        "model": safe_line(title_of(model)),
        "title": fit(title or "(no title)", _LONGEST_TITLE),
        "messages": quantity(count, "message"),
        "cost": str(cost) if cost and cost.dollars else "",
        "branch": safe_line(branch),
    }
    parts: dict[str, list[Span]] = {}
    if pending := _pending(context) if context else "":
        parts["pending"] = [(Style.QUIET, pending)]
    if running := sum(job.is_running for job in context.agent.jobs.jobs) if context else 0:
        parts["jobs"] = [(Style.QUIET, f"{quantity(running, 'job')} running")]
    for name in options.settings.toolbar:
        if name == "context":
            parts |= {name: _meter(use)} if use and use.window else {}
        elif name == "mode":
            parts |= _mode(context, context.agent.granted if context else options.allow) if has_tools else {}
        elif texts[name]:
            parts[name] = [(Style.QUIET, texts[name])]
    return parts


def _pending(context: Context) -> str:
    """Return the number of outputs and images that go with the next message."""
    pending = context.pending_output
    counts = ((len(pending.taken), "output"), (len(pending.media), "image"))
    return _SEPARATOR.join(f"+ {quantity(count, noun)}" for count, noun in counts if count)


def _mode(context: Context | None, granted: Collection[Kind]) -> dict[str, list[Span]]:
    """Return the permission mode, or what tools may do without asking."""
    names = [name for kind, name in _KINDS.items() if kind in granted]
    if context is not None and context.agent.mode != "ask":
        # Imported here: the prompt is drawn without it.
        from aloop.permissions import MODE_NAMES

        # Plan mode refuses them all.
        others = [name for name in names if context.agent.mode == "edits" and name != _KINDS["write"]]
        more = [(Style.QUIET, f", allows {', '.join(others)}")] if others else []
        return {"mode": [(Style.ACCENT, MODE_NAMES[context.agent.mode]), *more]}
    return (
        {"mode": [(Style.QUIET, f"allows {', '.join(names)}")]} if names else {_ASKING: [(Style.QUIET, "asks first")]}
    )


def _meter(use: ContextUse) -> list[Span]:
    """Return the share of the model's window that is used, with ~ for an estimate."""
    filled = min(_BAR_CELLS, round(use.share * _BAR_CELLS))
    look: Look = Style.BAD if use.share >= _BAD_SHARE else Style.WARNING if use.share >= _WARNING_SHARE else Style.QUIET
    about = "~" if use.is_estimate else ""
    text = f" {about}{use.share:.0%} of {thousands(use.window)}"
    return [(look, "█" * filled), (Style.QUIET, "░" * (_BAR_CELLS - filled)), (look, text)]
