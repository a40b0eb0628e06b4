"""Asks the client for its hooks: joins callbacks, which know nothing of pipes, to the pipe."""

from typing import Any

from tianting.extensions.hooks.callbacks import AskClient, HookQuestion
from tianting.extensions.hooks.schema import CallbackFailed, CallbackSilent
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.link import ClientGone, ClientRefused, ControlLink


def asking_over(link: ControlLink) -> AskClient:
    """Puts questions over `link`. It waits as long as it is let: each hook has a time of its own."""

    async def ask(question: HookQuestion) -> Any:
        try:
            return await link.ask(question)
        except ClientRefused as refusal:
            raise CallbackFailed(str(refusal)) from None
        except (ClientGone, OutputClosed):
            raise CallbackSilent("nobody is there to be asked any more") from None

    return ask
