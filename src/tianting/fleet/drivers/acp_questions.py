"""Permission over ACP: the agent offers answers, and one of them must be chosen in words that only it knows.

Pure. A question's id carries its options, so a fleet that takes a process over can answer what was asked before.
"""

from typing import Any

import msgspec
from msgspec import Struct

from tianting.fleet.drivers.acp_messages import PermissionOption, PermissionRequest
from tianting.fleet.drivers.driver import Answer, PersonAsked
from tianting.fleet.drivers.json_rpc import Asked, RequestId

_CANCELLED: dict[str, Any] = {"outcome": {"outcome": "cancelled"}}
_ALLOWED = ("allow_once", "allow_always")
_REJECTED = ("reject_once", "reject_always")


class _Question(Struct, frozen=True, kw_only=True, array_like=True):
    """What a question's id is made of."""

    id: RequestId
    options: tuple[tuple[str, str], ...]
    """Kind and id of each."""


def question_of(asked: Asked, request: PermissionRequest) -> PersonAsked:
    """The question; what could be granted for longer are its suggestions."""
    call = request.tool_call
    question = _Question(id=asked.id, options=tuple((option.kind, option.option_id) for option in request.options))
    return PersonAsked(
        question_id=msgspec.json.encode(question).decode(),
        kind="approval",
        tool=call.name or call.kind or "",
        input=call.raw_input,
        text=call.title or "",
        suggestions=tuple(_shown(option) for option in request.options if option.kind == "allow_always"),
    )


def result_of(question_id: str, answer: Answer) -> tuple[RequestId, dict[str, Any]]:
    """Which request is answered, and with what."""
    question = msgspec.json.decode(question_id, type=_Question)
    if answer.interrupt and not answer.allow:
        return question.id, _CANCELLED
    kinds = _REJECTED if not answer.allow else tuple(reversed(_ALLOWED)) if answer.suggestions else _ALLOWED
    chosen = _taken(answer) or next((option for kind in kinds for k, option in question.options if k == kind), None)
    if chosen is None:
        return question.id, _CANCELLED
    return question.id, {"outcome": {"outcome": "selected", "optionId": chosen}}


def _taken(answer: Answer) -> str | None:
    """The suggestion that the person took."""
    first = answer.suggestions[0] if answer.allow and answer.suggestions else None
    return first.get("optionId") if isinstance(first, dict) else None


def _shown(option: PermissionOption) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(option)
    return shown
