"""/model: show or change the model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.config import OFFLINE_MODEL, Settings
from aloop.errors import LLMError
from aloop.local_model.models import full_name, is_local, is_model_file, title_of
from aloop.suggestions import closest_match
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import Session
    from commands.context import Context
    from commands.trust_store import TrustFile


async def model(context: Context, argument: str) -> None:
    """Show the models, or switch to the one named in ``argument``.

    Any name is accepted, because the API may offer models that the installed SDK does not list; such names get a
    warning.
    """
    # Imported late for start-up time.
    from aloop.llm import known_models

    view, current = context.view, context.agent.llm.model
    # In a thread, because the list needs the SDK, which takes a second to load.
    known = await asyncio.to_thread(known_models)
    if not argument:
        view.info(f"The current model is {title_of(current)}.")
        view.info(
            f"/model NAME changes it. NAME is a model of the API or a GGUF file (local:PATH): {', '.join(known)}."
        )
        return
    if full_name(argument, Settings.from_env()) == current:
        view.info(f"The current model is already {title_of(current)}.")
        return
    await switch(context.agent, argument)
    context.keeps_model = False
    if context.memory.path is not None:
        await context.memory.save_memory()
    name = context.agent.llm.model
    view.info(f"The model is now {title_of(name)}.{_warning(name, known)}")


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
        return (
            f"This session was not written by your aloop, so its model file {wanted} was not loaded. The model is "
            f"{current} instead. /model changes it."
        )
    try:
        await switch(agent, wanted)
    except LLMError as error:
        current = title_of(agent.llm.model)
        return f"This session used {title_of(wanted)}, which is not available: {error} The model is {current} instead."
    return f"The model is {title_of(wanted)}, as before in this session. /model changes it."


def _warning(name: str, known: tuple[str, ...]) -> str:
    if name in known or is_local(name):
        return ""
    guess = closest_match(name, known)
    hint = f" Did you mean /model {guess}?" if guess else ""
    return f" The installed SDK does not list this model, so the API may reject it.{hint}"


COMMAND = Command(
    name="model",
    summary="Show the current and available models, or change the model",
    handler=model,
    usage="[NAME]",
    argument=Argument.MODEL,
    group="Model",
    example="/model claude-sonnet-5-5",
)
