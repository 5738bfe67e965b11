"""/model: which model answers, and another one from now on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.config import OFFLINE_MODEL, Settings
from aloop.errors import LLMError
from aloop.local_model.models import full_name, is_local, title_of
from aloop.suggestions import closest_match
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import Session
    from commands.context import Context


async def model(context: Context, argument: str) -> Outcome:
    """Say which model answers and which there are, or let the one that ``argument`` names answer from now on.

    Any name is taken, for the API may know models that the installed SDK does not; a name unknown to that is told.
    """
    # Imported here for start-up time, as the engine is everywhere in this package.
    from aloop.llm import known_models

    view, current = context.view, context.agent.llm.model
    # In a thread: the list comes with the SDK, which takes a second to load.
    known = await asyncio.to_thread(known_models)
    if not argument:
        view.info(f"{title_of(current)} answers.")
        view.info(f"/model NAME changes that, to any model of the API or a GGUF file (local:PATH): {', '.join(known)}.")
        return Outcome()
    if full_name(argument, Settings.from_env()) == current:
        view.info(f"{title_of(current)} answers already.")
        return Outcome()
    await switch(context.agent, argument)
    context.keeps_model = False
    if context.memory.path is not None:
        await context.memory.save_memory()
    name = context.agent.llm.model
    view.info(f"{title_of(name)} answers from now on.{_doubt(name, known)}")
    return Outcome()


async def switch(agent: ReActAgent, name: str) -> None:
    """Let another model answer; raises MissingCredentials, and leaves the one there is, when nothing can be sent to it.

    What the models before it thought stays in the session, and is not sent to it.
    """
    # Imported here for start-up time.
    from aloop.llm import create_llm

    before, agent.llm = agent.llm, create_llm(name)
    await before.aclose()


async def follow(agent: ReActAgent, session: Session) -> str | None:
    """Go on with the model that ``session`` was last held with; return what to tell, None where nothing changes.

    Where that can not answer here, without its key or file, the present one stays, which is told. So it does after the
    offline demo.
    """
    wanted = session.model
    if not wanted or wanted in (agent.llm.model, OFFLINE_MODEL):
        return None
    try:
        await switch(agent, wanted)
    except LLMError as error:
        stays = title_of(agent.llm.model)
        return f"{title_of(wanted)} answered before in this session, and can not now: {error} {stays} answers."
    return f"{title_of(wanted)} answers, as before in this session. /model changes that."


def _doubt(name: str, known: tuple[str, ...]) -> str:
    if name in known or is_local(name):
        return ""
    guess = closest_match(name, known)
    hint = f" Did you mean /model {guess}?" if guess else ""
    return f" The installed SDK does not name it, and the API may not know it.{hint}"


COMMAND = Command(
    name="model",
    summary="Show which model answers and which there are, or change it",
    handler=model,
    usage="[NAME]",
    argument=Argument.MODEL,
    group="Model",
    example="/model claude-sonnet-5-5",
)
