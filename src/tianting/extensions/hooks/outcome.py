"""What came of asking all hooks of one event, and how the words of several become one: deny > defer > ask > allow."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct

from tianting.extensions.hooks.answer import Opinion, RequestDecision, is_given
from tianting.protocol.events import HookRecord

_STRICTNESS: tuple[Opinion, ...] = ("deny", "defer", "ask", "allow")


class HookOutcome(Struct, frozen=True, kw_only=True):
    """The common answer. Each event heeds the fields that mean something to it."""

    blocked: str | None = None
    """Why it must not happen, for the model to read; for a tool that ran already, what is wrong with the result."""
    permission: Opinion | None = None
    permission_reason: str = ""
    request: RequestDecision | None = None
    """The answer to a `PermissionRequest`."""
    updated_input: dict[str, Any] | None = None
    """Other arguments for the call. Of several hooks the last configured has its way."""
    updated_output: Any = UNSET
    """Another result for the model; `UNSET` for no change."""
    contexts: tuple[str, ...] = ()
    """What the model shall know besides."""
    stop: str | None = None
    """The turn ends, and why, for the person to read."""
    messages: tuple[str, ...] = ()
    """For the person: what hooks have to say, and what went wrong with them."""
    initial_user_message: str = ""
    session_title: str = ""
    """What the session is called from now on; on one line, not blank."""
    retry: bool = False
    """After a `PermissionDenied`: the model may try again."""
    hides_output: bool = False
    """The hook wants its output kept from screens and protocols."""
    records: tuple[HookRecord, ...] = ()


NOTHING = HookOutcome()


def joined(outcomes: Sequence[HookOutcome]) -> HookOutcome:
    """The outcome of several hooks, given in the order they were configured."""
    permission = _strictest(outcomes)
    return HookOutcome(
        blocked=_all_of(one.blocked for one in outcomes),
        permission=permission,
        permission_reason="\n".join(
            one.permission_reason for one in outcomes if one.permission == permission and one.permission_reason
        ),
        request=_strictest_request(outcomes),
        updated_input=next((one.updated_input for one in reversed(outcomes) if one.updated_input is not None), None),
        updated_output=next((one.updated_output for one in reversed(outcomes) if is_given(one.updated_output)), UNSET),
        contexts=tuple(text for one in outcomes for text in one.contexts),
        stop=_all_of(one.stop for one in outcomes),
        messages=tuple(text for one in outcomes for text in one.messages),
        initial_user_message="\n".join(one.initial_user_message for one in outcomes if one.initial_user_message),
        session_title=next((one.session_title for one in reversed(outcomes) if one.session_title), ""),
        retry=any(one.retry for one in outcomes),
        records=tuple(record for one in outcomes for record in one.records),
    )


def _strictest(outcomes: Sequence[HookOutcome]) -> Opinion | None:
    given = {one.permission for one in outcomes}
    return next((opinion for opinion in _STRICTNESS if opinion in given), None)


def _strictest_request(outcomes: Sequence[HookOutcome]) -> RequestDecision | None:
    given = [one.request for one in outcomes if one.request is not None]
    return next((one for one in given if one.behavior == "deny"), given[0] if given else None)


def _all_of(reasons: Any) -> str | None:
    given = [reason for reason in reasons if reason is not None]
    return "\n".join(given) if given else None
