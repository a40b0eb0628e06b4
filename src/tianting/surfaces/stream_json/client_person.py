"""Asks the program that drives us whether a call may run: without it a headless session could only refuse.

call → can_use_tool → allow: as what it shall run, and what is permitted from now on → a yes
                    → deny, and whether the turn ends with it                        → a no
                    → silence, an error, anything else                               → a no that says so

Words and fields are those of today's coding agents, as their SDKs take them.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tianting.permissions.decision import Allow, Decision, Deny
from tianting.permissions.updates import PermissionUpdate, read_updates
from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.link import ClientGone, ClientRefused, ClientSilent, ControlLink

log = logging.getLogger(__name__)


class PermissionQuestion(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="subtype", tag="can_use_tool"
):
    """May this call run?"""

    tool_name: str
    input: dict[str, Any]
    tool_use_id: str
    permission_suggestions: tuple[PermissionUpdate, ...]
    """What would spare the question the next time. The client may give some of it back with its yes."""
    blocked_path: str | None = None
    """The first file the call would touch outside the directories it may work in."""
    decision_reason: str | None = None
    decision_reason_type: Literal["workingDir"] | None = None
    title: str | None = None
    """The question as a sentence."""
    display_name: str | None = None
    description: str | None = None
    """What the model says the call is for."""


AskPermission = Callable[[PermissionQuestion], Awaitable[Any]]
"""Gives the answer, taken apart as JSON. May raise `ClientSilent`, `ClientRefused`, `ClientGone`, `OutputClosed`."""


class Permissions(Struct, frozen=True, kw_only=True):
    """What a session lets a person change."""

    suggested_updates: Callable[[ToolCall, tuple[Access, ...]], tuple[PermissionUpdate, ...]]
    """What would spare the question about a call the next time."""
    apply_updates: Callable[[tuple[PermissionUpdate, ...]], Awaitable[tuple[str, ...]]]
    """Carries updates out, and gives back what a person must know of it, a line each."""
    directories: Callable[[], tuple[str, ...]]
    """Where calls may work, absolute and real."""


def over_link(link: ControlLink, seconds: float | None = None) -> AskPermission:
    """Ask the client itself, and wait for ever or for `seconds`: a person may be at lunch."""

    async def ask(question: PermissionQuestion) -> Any:
        return await link.ask(question, timeout=seconds)

    return ask


class ClientPerson:
    """The `permissions.decision.Person` behind the client."""

    def __init__(self, ask: AskPermission, permissions: Permissions) -> None:
        self._ask = ask
        self._permissions = permissions

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        """The client's answer. Whatever goes wrong on the way is a no."""
        try:
            answer = _read(await self._ask(self._question(call, accesses, reason)))
        except (ClientGone, OutputClosed):
            return _undecided(call, "Nobody is there to be asked any more.")
        except (ClientSilent, ClientRefused) as failure:
            return _undecided(call, str(failure))
        except msgspec.ValidationError as error:
            log.warning("the answer to can_use_tool for call %s is none: %s", call.call_id, error)
            return _undecided(call, f"The answer could not be read: {error}.")
        match answer:
            case _Yes():
                return await self._agreed(call, answer)
            case _No():
                reason = answer.message.strip() or "The user declined this call."
                return Deny(reason=reason, interrupts=answer.interrupt, by_person=True)

    def _question(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> PermissionQuestion:
        blocked = _outside(accesses, self._permissions.directories())
        description = call.arguments.get("description")
        return PermissionQuestion(
            tool_name=call.tool_name,
            input=call.arguments,
            tool_use_id=call.call_id,
            permission_suggestions=self._permissions.suggested_updates(call, accesses),
            blocked_path=blocked,
            decision_reason=reason or None,
            decision_reason_type=None if blocked is None else "workingDir",
            title=f"{call.tool_name} needs your permission: {reason}" if reason else None,
            display_name=call.tool_name,
            description=description if isinstance(description, str) and description else None,
        )

    async def _agreed(self, call: ToolCall, answer: "_Yes") -> Allow:
        await self._apply(call, answer.updated_permissions)
        changed = answer.updated_input if answer.updated_input != call.arguments else None
        return Allow(reason="allowed by the user", arguments=changed)

    async def _apply(self, call: ToolCall, raw: Any) -> None:
        """Permit what came with a yes: all of it or, where some cannot be read, nothing. The yes stands alone then."""
        try:
            updates = read_updates(raw or ())
        except ConfigError as error:
            log.warning("the yes to call %s changes no permissions: %s", call.call_id, error)
            return
        for line in await self._permissions.apply_updates(updates) if updates else ():
            log.info("permissions changed with call %s: %s", call.call_id, line)


class _Yes(Struct, frozen=True, kw_only=True, rename="camel", tag_field="behavior", tag="allow"):
    updated_input: dict[str, Any] | None = None
    updated_permissions: Any = None


class _No(Struct, frozen=True, kw_only=True, tag_field="behavior", tag="deny"):
    message: str = ""
    interrupt: bool = False


def _read(payload: Any) -> _Yes | _No:
    """Raises `msgspec.ValidationError` for what is neither a yes nor a no."""
    answer: _Yes | _No = msgspec.convert(payload, _Yes | _No)
    return answer


def _outside(accesses: tuple[Access, ...], directories: tuple[str, ...]) -> str | None:
    files = (access.target for access in accesses if access.effect in {"read", "edit"})
    return next((path for path in files if not any(map(PurePath(path).is_relative_to, directories))), None)


def _undecided(call: ToolCall, why: str) -> Deny:
    return Deny(reason=f"Whether {call.tool_name} may run could not be decided; nothing was run. {why}")
