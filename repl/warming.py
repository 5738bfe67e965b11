"""What the first answer would otherwise wait for, loaded while the first question is being typed."""

from __future__ import annotations

from contextlib import suppress

from aloop.agent import ReActAgent
from repl.engine import load_ahead
from repl.markdown import render_markdown

# Most answers hold one of these, and a highlighter loads each language when it first meets it.
_LANGUAGES = ("python", "sh", "json")


def warm_up(agent: ReActAgent) -> None:
    """Load the SDK, the validator of tool arguments and the highlighter; blocks for seconds, and raises nothing."""
    # Whatever goes wrong here is raised again, and shown, when it is needed.
    with suppress(Exception):
        load_ahead(agent)
        for language in _LANGUAGES:
            render_markdown(f"```{language}\n```", width=80, colour=False)
