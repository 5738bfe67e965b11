"""/model: show or change the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.config.settings import Settings
from aloop.config.values import OFFLINE_MODEL
from aloop.errors import LLMError, Problem, UsageError
from aloop.formatting import quantity
from aloop.local_model.models import full_name, is_model_file, title_of
from commands.model_browser import ModelBrowser
from commands.pages import ModelList
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import Session
    from aloop.memory.trust_file import TrustFile
    from commands.context import Context

_ROW_DIGITS = 3


async def model(context: Context, argument: str) -> None:
    """Show the models to choose from, or switch to the one named in ``argument``.

    An unknown name is refused, unless it ends with an exclamation mark.
    """
    # Imported late for startup time.
    from aloop.llm.models.catalog import require_known
    from aloop.llm.models.names import resolve_alias

    wanted = _read_row(context, argument) if argument else await _choose(context)
    if not wanted:
        return
    name, settings = resolve_alias(wanted.removesuffix("!").rstrip()), Settings.from_env()
    if full_name(name, settings) == context.agent.llm.model:
        context.default_model = context.agent.llm.model
        context.view.info(f"The current model is already {title_of(context.agent.llm.model)}.")
        return
    if not wanted.endswith("!") and wanted is argument:
        await require_known(name, settings)
    await switch(context.agent, name)
    context.keeps_model = False
    context.default_model = context.agent.llm.model
    if context.memory.path is not None:
        await context.memory.save_memory()
    context.view.info(f"The model is now {title_of(context.agent.llm.model)}.")


def _read_row(context: Context, argument: str) -> str:
    """Return the model in the row that ``argument`` numbers, or ``argument`` itself."""
    if not (argument.isascii() and argument.isdigit() and len(argument) <= _ROW_DIGITS):
        return argument
    rows, row = context.model_rows, int(argument)
    if not rows:
        raise UsageError(f"No models have been listed yet, so row {row} does not exist. Run /model to list them.")
    if not 1 <= row <= len(rows):
        raise UsageError(f"The last list has {quantity(len(rows), 'row')}, so row {row} does not exist.")
    return rows[row - 1]


async def _choose(context: Context) -> str | None:
    """Let the user pick a model; without a picker, list the models as rows."""
    view, current = context.view, context.agent.llm.model
    browser = ModelBrowser(Settings.from_env(), current)
    name = await view.pick_model(browser)
    context.model_rows = [choice.name for choice in browser.choices]
    if name is None:
        view.info(f"The current model is {title_of(current)}.")
        if not browser.was_shown:
            # Not in a pager, because the rows must stay on the screen.
            await view.show(ModelList(browser.choices))
        for problem in browser.problems:
            view.error(problem)
        if not browser.was_shown:
            view.info("/model 1 uses the model in the first row, /model NAME any other, /model local:PATH a GGUF file.")
    return name


async def switch(agent: ReActAgent, name: str) -> None:
    """Change the agent's model; raise MissingCredentials and keep the current one.

    The thinking of earlier models stays in the session but is not sent to the new one.
    """
    # Imported late for startup time.
    from aloop.llm import create_llm

    before, agent.llm = agent.llm, create_llm(name)
    await before.aclose()


async def follow(agent: ReActAgent, session: Session, trust: TrustFile, default: str = "") -> str | None:
    """Switch to the last model of ``session``.

    Returns a message, or None if nothing changes. If the session has no model or used the offline demo, if its model is
    unavailable here, for example without its key or file, or if it is from elsewhere and names a model file, the model
    is ``default`` if that is given, otherwise the current one.
    """
    wanted, before, problem = session.model, agent.llm.model, ""
    if wanted and wanted != OFFLINE_MODEL:
        if wanted == before:
            return None
        if is_model_file(wanted) and not trust.wrote(session.id):
            # The file may be part of a clone, and loading it runs native code on it.
            problem = f"This session was not written by your aloop, so its model file {wanted} was not loaded."
        else:
            try:
                await switch(agent, wanted)
            except LLMError as error:
                problem = f"This session used {title_of(wanted)}, which is not available: {error}"
            else:
                return describe_followed(wanted)
    if default:
        try:
            await _return_to(agent, default)
        except LLMError as error:
            problem = problem or f"The model {title_of(default)} is not available: {error}"
    now = title_of(agent.llm.model)
    if problem:
        return Problem(f"{problem} The model is {now} instead. /model changes it.")
    if agent.llm.model == before:
        return None
    return f"The model is {now} again. /model changes it."


def describe_followed(name: str) -> str:
    """Return the message about the model of a resumed session."""
    return f"The model is {title_of(name)}, as before in this session. /model changes it."


async def leave_resumed(context: Context) -> None:
    """Give a new session the model of new sessions, and report a change.

    It differs from the current one if a resumed session has brought its own.
    """
    agent = context.agent
    before = agent.llm.model
    try:
        await _return_to(agent, context.default_model)
    except LLMError as error:
        unavailable = f"The model {title_of(context.default_model)} is not available: {error}"
        context.view.info(Problem(f"{unavailable} The model is still {title_of(before)}. /model changes it."))
    if agent.llm.model != before:
        context.view.info(f"The model is {title_of(agent.llm.model)} again.")


async def _return_to(agent: ReActAgent, name: str) -> None:
    if name != agent.llm.model:
        await switch(agent, name)


COMMAND = Command(
    name="model",
    summary="Show the current and available models, or change the model",
    handler=model,
    usage="[NAME or ROW]",
    argument=Argument.MODEL,
    group="Model",
    example="/model opus",
)
