"""Hooks that are functions of the program that drives us: without it only files could guard a session.

    {"PreToolUse": [{"matcher": "Bash", "hookCallbackIds": ["hook_0"], "timeout": 30, "onFailure": "block"}]}
    → a hook each → event → hook_callback → the JSON that a command would print

They come with the client's first line, and then count like the configured ones. Events that never happen here are
taken, because the same program drives other agents, too.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tianting.extensions.hooks.reading import check_matcher
from tianting.extensions.hooks.schema import CallbackFailed, CallbackHook, Hook, OnFailure
from tianting.extensions.hooks.verdict import ENDINGS
from tianting.protocol.control import HookMatcher

SOURCE = "the client"
"""What hooks of it name as the file they were read from."""


class HookQuestion(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="subtype", tag="hook_callback"):
    """What does this callback say of this event?"""

    callback_id: str
    input: dict[str, Any]
    """The event and its circumstances, as every hook reads them."""
    tool_use_id: str | None = None
    """The call that the event is about, if it is about one."""


AskClient = Callable[[HookQuestion], Awaitable[Any]]
"""Gives back the payload of the client's answer. Raises `CallbackFailed`, or `CallbackSilent` where nobody is there."""


def callback_hooks(groups: Mapping[str, Sequence[HookMatcher]], ask_client: AskClient) -> tuple[Hook, ...]:
    """The hooks that `groups` register, event by event. Raises `ConfigError` for a matcher that is no expression."""
    return tuple(
        _hook(event, group, callback_id, f"hooks.{event}[{index}]", ask_client)
        for event, matchers in groups.items()
        for index, group in enumerate(matchers)
        for callback_id in group.hook_callback_ids
    )


def _hook(event: str, group: HookMatcher, callback_id: str, place: str, ask_client: AskClient) -> Hook:
    check_matcher(group.matcher or "", SOURCE, place)
    action = CallbackHook(
        call=_asking(callback_id, ask_client),
        name=callback_id,
        timeout=group.timeout,
        on_failure=_on_failure(event, group.on_failure),
    )
    return Hook(event=event, matcher=group.matcher or "", action=action, source=SOURCE, place=f"{place}.{callback_id}")


def _asking(callback_id: str, ask_client: AskClient) -> Callable[[bytes], Awaitable[str]]:
    async def call(event: bytes) -> str:
        told: dict[str, Any] = msgspec.json.decode(event)
        question = HookQuestion(callback_id=callback_id, input=told, tool_use_id=told.get("tool_use_id"))
        answer = await ask_client(question)
        if not isinstance(answer, dict):  # somebody with nothing to say says {}
            raise CallbackFailed("its answer is no object")
        return msgspec.json.encode(answer).decode()

    return call


def _on_failure(event: str, wanted: str | None) -> OnFailure:
    return "continue" if wanted in (None, "continue") or event in ENDINGS else "block"
