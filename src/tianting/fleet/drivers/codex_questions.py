"""Codex's questions and their answers: without it each kind of approval would want its own way to a person.

    Asked -> question_of -> PersonAsked ... Answer -> result_of -> the result that its request wants

Pure. A question's id carries everything that its answer is made of, so a fleet that takes a process over can answer
what an earlier fleet was asked.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tianting.fleet.drivers.driver import Answer, PersonAsked
from tianting.fleet.drivers.json_rpc import Asked, RequestId

_COMMAND = "item/commandExecution/requestApproval"
_CHANGE = "item/fileChange/requestApproval"

_Object = dict[str, Any]
_PLAIN = ("accept", "decline", "cancel")
"""Decisions that every approval has; the others are what could be granted beside."""


class _Question(Struct, frozen=True, kw_only=True, array_like=True):
    """What a question's id is made of."""

    id: RequestId
    method: str
    needed: Any = None
    """Ids of the parts of a question, or the permissions that were asked for."""


def question_of(asked: Asked, changes: Any = None) -> PersonAsked | None:
    """The question in `asked`; None for a request that no person can answer. Raises `msgspec.MsgspecError`.

    `changes` are those of the item that it is about.
    """
    params: _Object = msgspec.json.decode(asked.params, type=dict[str, Any])
    reason = params.get("reason") or ""
    match asked.method:
        case "item/commandExecution/requestApproval":
            beside = tuple(said for said in params.get("availableDecisions") or () if said not in _PLAIN)
            return _approval(asked, "commandExecution", params, reason or params.get("command") or "", beside)
        case "item/fileChange/requestApproval":
            shown = {**params, "changes": changes}
            return _approval(asked, "fileChange", shown, reason or "Change files", ("acceptForSession",))
        case "item/permissions/requestApproval":
            wanted = params.get("permissions")
            return _approval(asked, "permissions", params, reason or "Grant permissions", ("session",), wanted)
        case "item/tool/requestUserInput":
            parts = params.get("questions") or []
            text = "\n".join(part["question"] for part in parts)
            return _input(asked, "requestUserInput", params, text, [part["id"] for part in parts])
        case "mcpServer/elicitation/request":
            return _input(asked, params.get("serverName") or "", params, params.get("message") or "", None)
        case _:
            return None


def question_ids(known: Sequence[str], request_id: RequestId) -> list[str]:
    """Which of the `known` questions came with the request `request_id`."""
    return [question_id for question_id in known if _read(question_id).id == request_id]


def result_of(question_id: str, answer: Answer) -> tuple[RequestId, _Object]:
    """Which request is answered, and with what."""
    question = _read(question_id)
    match question.method:
        case "item/permissions/requestApproval":
            return question.id, _granted(question, answer)
        case "item/tool/requestUserInput":
            return question.id, {"answers": _answers(question, answer)}
        case "mcpServer/elicitation/request":
            return question.id, _elicited(answer)
        case _:
            return question.id, {"decision": _decision(answer)}


def can_end_turn(question_id: str) -> bool:
    """Whether a no can end the turn by itself."""
    return _read(question_id).method in (_COMMAND, _CHANGE)


def _decision(answer: Answer) -> object:
    if answer.allow:
        return answer.suggestions[0] if answer.suggestions else "accept"
    return "cancel" if answer.interrupt else "decline"


def _granted(question: _Question, answer: Answer) -> _Object:
    """What is not granted is refused."""
    granted = answer.updated_input if answer.updated_input is not None else question.needed
    scope = "session" if "session" in answer.suggestions else "turn"
    return {"permissions": granted if answer.allow and granted else {}, "scope": scope}


def _answers(question: _Question, answer: Answer) -> _Object:
    if not answer.allow:
        return {}
    if isinstance(answer.updated_input, dict):
        return {part: {"answers": _words(said)} for part, said in answer.updated_input.items()}
    return {part: {"answers": [answer.text]} for part in question.needed}


def _words(said: object) -> list[str]:
    return [str(word) for word in said] if isinstance(said, list | tuple) else [str(said)]


def _elicited(answer: Answer) -> _Object:
    if answer.allow:
        return {"action": "accept", "content": answer.updated_input or {}}
    return {"action": "cancel" if answer.interrupt else "decline"}


def _approval(
    asked: Asked, tool: str, params: _Object, text: str, beside: tuple[Any, ...], needed: Any = None
) -> PersonAsked:
    name = _written(_Question(id=asked.id, method=asked.method, needed=needed))
    return PersonAsked(question_id=name, kind="approval", tool=tool, input=params, text=text, suggestions=beside)


def _input(asked: Asked, tool: str, params: _Object, text: str, needed: Any) -> PersonAsked:
    name = _written(_Question(id=asked.id, method=asked.method, needed=needed))
    return PersonAsked(question_id=name, kind="input", tool=tool, input=params, text=text)


def _written(question: _Question) -> str:
    return msgspec.json.encode(question).decode()


def _read(question_id: str) -> _Question:
    return msgspec.json.decode(question_id, type=_Question)
