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
    # Imported late for start-up time.
    from aloop.llm.models.catalog import require_known
    from aloop.llm.models.names import resolve_alias

    wanted = _read_row(context, argument) if argument else await _choose(context)
    if not wanted:
        return
    name, settings = resolve_alias(wanted.removesuffix("!").rstrip()), Settings.from_env()
    if full_name(name, settings) == context.agent.llm.model:
        context.view.info(f"The current model is already {title_of(context.agent.llm.model)}.")
        return
    if not wanted.endswith("!") and wanted is argument:
        await require_known(name, settings)
    await switch(context.agent, name)
    context.keeps_model = False
    if context.memory.path is not None:
        await context.memory.save_memory()
    context.view.info(f"The model is now {title_of(context.agent.llm.model)}.")


def _read_row(context: Context, argument: str) -> str:
    """Return the model in the row that ``argument`` numbers, or ``argument`` itself."""
    if not (argument.isascii() and argument.isdigit() and len(argument) <= _ROW_DIGITS):
        return argument
    rows, row = context.model_rows, int(argument)
    if not rows:
        raise UsageError(f"No models were listed yet, so there is nothing in row {row}. Run /model to list them.")
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
    # Imported late for start-up time.
    from aloop.llm import create_llm

    before, agent.llm = agent.llm, create_llm(name)
    await before.aclose()


async def follow(agent: ReActAgent, session: Session, trust: TrustFile) -> str | None:
    """Switch to the last model of ``session``.

    Returns a message, or None if nothing changes. If that model is unavailable here, for example without its key or
    file, the current one stays and the message gives the reason. It also stays for sessions of the offline demo, and
    for those from elsewhere that name a model file.
    """
    wanted = session.model
    if not wanted or wanted in (agent.llm.model, OFFLINE_MODEL):
        return None
    if is_model_file(wanted) and not trust.wrote(session.id):
        # The file may be part of a clone, and loading it runs native code on it.
        current = title_of(agent.llm.model)
        return Problem(
            f"This session was not written by your aloop, so its model file {wanted} was not loaded. The model is "
            f"{current} instead. /model changes it."
        )
    try:
        await switch(agent, wanted)
    except LLMError as error:
        current = title_of(agent.llm.model)
        used = f"This session used {title_of(wanted)}, which is not available"
        return Problem(f"{used}: {error} The model is {current} instead.")
    return f"The model is {title_of(wanted)}, as before in this session. /model changes it."


COMMAND = Command(
    name="model",
    summary="Show the current and available models, or change the model",
    handler=model,
    usage="[NAME or ROW]",
    argument=Argument.MODEL,
    group="Model",
    example="/model opus",
)
