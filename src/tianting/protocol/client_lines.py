"""The lines a client writes to us, decoded once: prompts, control requests, answers, and small messages.

Fields that nobody knows are skipped, and so is a whole line of an unknown type. What is no JSON object, or breaks the
shape of a known type, is a `ProtocolError`: such a client would wait for ever for what never comes.
"""

import json
from collections.abc import Callable
from typing import Any, Literal, NoReturn

import msgspec
from msgspec import Raw, Struct

from tianting.plumbing.well_formed import well_formed_json
from tianting.protocol.client_content import ClientContent, user_blocks
from tianting.protocol.control import ControlRequest, read_request
from tianting.protocol.errors import ProtocolError
from tianting.protocol.messages import UserMessage


class PromptLine(Struct, frozen=True, kw_only=True):
    """Something said to the model."""

    message: UserMessage
    uuid: str | None = None
    """The client's own name for it, if it has one."""
    priority: Literal["now", "next", "later"] = "next"
    asks: bool = True
    """False: it becomes part of what was said, and no turn begins."""


class Answered(Struct, frozen=True, kw_only=True):
    """The client's answer to a question of ours."""

    request_id: str
    payload: Any = None


class Refused(Struct, frozen=True, kw_only=True):
    """The client could not answer a question of ours."""

    request_id: str
    error: str


class Withdrawn(Struct, frozen=True, kw_only=True):
    """The client waits no longer for the answer to a request of its own."""

    request_id: str


class KeepAlive(Struct, frozen=True, kw_only=True):
    """The client is still there."""


class EnvironmentUpdate(Struct, frozen=True, kw_only=True):
    """Variables for what is started from now on."""

    variables: dict[str, str]


ClientLine = PromptLine | ControlRequest | Answered | Refused | Withdrawn | KeepAlive | EnvironmentUpdate


def read_line(line: bytes | bytearray) -> ClientLine | None:
    """Decode one line; None for what is to be ignored. Raises `ProtocolError`."""
    if not line.strip():
        return None
    try:
        return _read(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if b"\\ud" not in line and b"\\uD" not in line:
            _complain(error)
    return _read_mended(line)


def _read(line: bytes | bytearray) -> ClientLine | None:
    kind = _kind.decode(line).type
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    return None if reader is None else reader(line)


def _read_mended(line: bytes | bytearray) -> ClientLine | None:
    """Half surrogates are what JavaScript makes of text that was cut within a character; they are no reason to end."""
    try:
        return _read(msgspec.json.encode(well_formed_json(json.loads(line))))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        _complain(error)


def _complain(error: Exception) -> NoReturn:
    if isinstance(error, msgspec.ValidationError):
        raise ProtocolError(f"A line on standard input breaks the protocol: {error}.") from None
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    raise ProtocolError(f"A line on standard input is no JSON: {reason}.") from None


class _Kind(Struct):
    type: Any = None


class _Said(Struct):
    role: Literal["user"]
    content: ClientContent


class _UserLine(Struct, rename={"should_query": "shouldQuery"}):
    message: _Said
    uuid: str | None = None
    priority: Literal["now", "next", "later"] | None = None
    should_query: bool | None = None


class _RequestLine(Struct):
    request_id: str
    request: Raw


class _Response(Struct):
    request_id: str
    subtype: str = "success"
    response: Any = None
    error: Any = None


class _ResponseLine(Struct):
    response: _Response


class _CancelLine(Struct):
    request_id: str


class _EnvironmentLine(Struct):
    variables: dict[str, str]


_kind = msgspec.json.Decoder(_Kind)
_user = msgspec.json.Decoder(_UserLine)
_request = msgspec.json.Decoder(_RequestLine)
_response = msgspec.json.Decoder(_ResponseLine)
_cancel = msgspec.json.Decoder(_CancelLine)
_environment = msgspec.json.Decoder(_EnvironmentLine)


def _read_user(line: bytes | bytearray) -> PromptLine:
    decoded = _user.decode(line)
    return PromptLine(
        message=UserMessage(content=user_blocks(decoded.message.content)),
        uuid=decoded.uuid or None,
        priority=decoded.priority or "next",
        asks=decoded.should_query is not False,
    )


def _read_request(line: bytes | bytearray) -> ControlRequest:
    decoded = _request.decode(line)
    return read_request(decoded.request_id, decoded.request)


def _read_response(line: bytes | bytearray) -> Answered | Refused:
    answer = _response.decode(line).response
    if answer.subtype == "success":
        return Answered(request_id=answer.request_id, payload=answer.response)
    return Refused(request_id=answer.request_id, error=str(answer.error or "The client gave no reason."))


def _read_cancel(line: bytes | bytearray) -> Withdrawn:
    return Withdrawn(request_id=_cancel.decode(line).request_id)


def _read_keep_alive(_: bytes | bytearray) -> KeepAlive:
    return KeepAlive()


def _read_environment(line: bytes | bytearray) -> EnvironmentUpdate:
    return EnvironmentUpdate(variables=_environment.decode(line).variables)


_READERS: dict[str, Callable[[bytes | bytearray], ClientLine]] = {
    "user": _read_user,
    "control_request": _read_request,
    "control_response": _read_response,
    "control_cancel_request": _read_cancel,
    "keep_alive": _read_keep_alive,
    "update_environment_variables": _read_environment,
}
