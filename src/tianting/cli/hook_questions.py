"""Answers the questions of hooks of type `prompt` by the model of their session, over the connection that is open."""

import logging
from contextlib import aclosing

from tianting.cli.model_door import ModelDoor
from tianting.extensions.hooks.question import AskModel
from tianting.models.naming import resolve
from tianting.protocol.content import text_of
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.errors import ConfigError
from tianting.protocol.messages import user_text
from tianting.protocol.requests import ModelRequest
from tianting.settings.providers import known_providers
from tianting.settings.schema import Settings

log = logging.getLogger(__name__)

MOST_TOKENS = 1_000
"""Of an answer: a yes, or a no with its reason, and some thinking before."""


def question_model(door: ModelDoor, settings: Settings) -> AskModel:
    """What hooks ask: the model they name where the session's provider serves it, else the session's own.

    What an answer costs is not counted as the session's.
    """

    async def ask(prompt: str, name: str | None) -> str:
        request = ModelRequest(
            model=door.info.id if name is None else _model(name, door, settings),
            system=(),
            tools=(),
            messages=(user_text(prompt),),
            max_tokens=MOST_TOKENS,
        )
        answer = ""
        async with aclosing(door.client.stream(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, MessageFinished):
                    answer = text_of(delta.message.content)
        return answer

    return ask


def _model(name: str, door: ModelDoor, settings: Settings) -> str:
    try:
        provider, model = resolve(name, known_providers(settings, {}))  # addresses do not matter here
    except ConfigError as error:
        log.warning("a hook's model is not known, so the session's is asked: %s", error)
        return door.info.id
    if provider.name == door.provider != "scripted":
        return model
    log.warning("a hook's model %r is served elsewhere, so the session's is asked", name)
    return door.info.id
