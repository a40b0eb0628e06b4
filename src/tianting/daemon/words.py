"""What clients can say to the daemon and what they hear, one JSON object a line: without one vocabulary every client
would find its own mistakes by trying.

    → {"command": "/codex-ask", "question": "Why is it slow?", "stream": true}
    ← {"delta": "Because "}                                   only with "stream"
    ← {"success": true, "response": "Because of the loop."}   one of these ends each request

Pure. A request that cannot be read is answered with what was wrong and what is allowed.
"""

from typing import Literal, get_args

import msgspec
from msgspec import Struct

from tianting.plumbing.near_names import nearest
from tianting.protocol.errors import TiantingError

Effort = Literal["minimal", "low", "medium", "high", "xhigh"]
EFFORTS: tuple[str, ...] = get_args(Effort)
DEFAULT = "default"
"""As an effort: whatever the agent's own configuration says."""
COMMANDS = ("/codex-ask", "/codex-config", "/codex-status", "/codex-reasoning", "/codex-final_only", "/codex-hold")
LONGEST_TIMEOUT = 86_400.0
"""Seconds."""


class BadRequest(TiantingError):
    """A line that is no request; the client is told, and may go on."""


class Ask(Struct, frozen=True, kw_only=True):
    """A question, and where it belongs."""

    question: str
    conversation: str | None = None
    """None is the client's own."""
    cwd: str | None = None
    """Where the agent works, for a conversation that begins; None is where the client is."""
    id: str | None = None
    """The same id asked again is the same question: its answer is given again, and nothing is done twice."""
    timeout: float | None = None
    """Seconds."""
    stream: bool = False


class Configure(Struct, frozen=True, kw_only=True):
    """How hard to think from the next question on; without a value, how hard it is now."""

    effort: str | None = None
    conversation: str | None = None


class Switch(Struct, frozen=True, kw_only=True):
    """Turn something on or off from the next question on; without a value, how it is now."""

    what: Literal["reasoning", "final_only"]
    on: bool | None = None
    conversation: str | None = None


class TellStatus(Struct, frozen=True, kw_only=True):
    """How the daemon is."""


class Hold(Struct, frozen=True, kw_only=True):
    """Stay as long as the asking process lives, where the daemon was started to stay as long as it is needed."""


Request = Ask | Configure | Switch | TellStatus | Hold


class ConversationStatus(Struct, frozen=True, kw_only=True):
    """A conversation as it is shown."""

    name: str
    status: str
    """Of its window; `asleep` where it has no process now."""
    cwd: str
    effort: str
    reasoning: bool
    final_only: bool
    answers: int
    used_at: float
    """Unix time of the last question."""
    pid: int | None = None


class Status(Struct, frozen=True, kw_only=True):
    """How the daemon is."""

    state: Literal["starting", "ready", "stopping"]
    version: str
    agent: str
    pid: int
    since: float
    """Unix time."""
    heartbeat: float
    """Unix time of the last turn of its loop that was looked at; younger than 5 seconds when it is well."""
    lag: float
    """Seconds that the loop was late then."""
    clients: int
    asked: int
    answered: int
    failed: int
    memory: int
    """Bytes of the daemon's own process."""
    descriptors: int
    conversations: tuple[ConversationStatus, ...] = ()


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one line that ends a request."""

    success: bool
    response: str | None = None
    error: str | None = None
    """One line that says what to do."""
    conversation: str = ""
    reasoning: str = ""
    declined: int = 0
    """Times that the agent wanted to be allowed something, and nobody was there to ask."""
    status: Status | None = None
    id: str | None = None


class Delta(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of an answer that is on its way."""

    delta: str = ""
    reasoning_delta: str = ""


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    command: str
    question: str | None = None
    value: str | bool | None = None
    conversation: str | None = None
    cwd: str | None = None
    id: str | None = None
    timeout: float | None = None
    stream: bool = False


_decoder = msgspec.json.Decoder(_Line)
_FIELDS = ", ".join(f"`{name}`" for name in _Line.__struct_fields__)
_LONGEST_NAME = 200
_SHOWN = 60


def read_request(line: bytes) -> Request:
    """What a client wants. Raises `BadRequest`."""
    try:
        said = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(_why_unreadable(line, str(error))) from None
    _check(said)
    command, _, rest = said.command.strip().partition(" ")
    match command:
        case "/codex-ask":
            return _ask(said, rest.strip())
        case "/codex-config":
            return Configure(effort=_effort(_value(said, rest)), conversation=said.conversation)
        case "/codex-reasoning":
            return Switch(what="reasoning", on=_on(command, _value(said, rest)), conversation=said.conversation)
        case "/codex-final_only":
            return Switch(what="final_only", on=_on(command, _value(said, rest)), conversation=said.conversation)
        case "/codex-status":
            return TellStatus()
        case "/codex-hold":
            return Hold()
        case _:
            raise BadRequest(_unknown(command))


def id_of(line: bytes) -> str | None:
    """The id in a line that may not be a request, so that its refusal can bear it."""
    try:
        return msgspec.json.decode(line, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Named(Struct):
    id: str | None = None


def _ask(said: _Line, rest: str) -> Ask:
    question = said.question if said.question is not None else rest
    if not question.strip():
        raise BadRequest('/codex-ask needs a question: {"command": "/codex-ask", "question": "…"}.')
    return Ask(
        question=question,
        conversation=said.conversation,
        cwd=said.cwd,
        id=said.id,
        timeout=said.timeout,
        stream=said.stream,
    )


def _check(said: _Line) -> None:
    for name, value in (("conversation", said.conversation), ("id", said.id)):
        if value is not None and not (0 < len(value) <= _LONGEST_NAME and value.isprintable()):
            raise BadRequest(f"`{name}` must be 1 to {_LONGEST_NAME} printable characters.")
    if said.timeout is not None and not 0 < said.timeout <= LONGEST_TIMEOUT:
        raise BadRequest(f"`timeout` must be above 0 and at most {LONGEST_TIMEOUT:g} seconds.")
    if said.cwd is not None and (not said.cwd.startswith("/") or "\0" in said.cwd):
        raise BadRequest("`cwd` must be a path that begins with /.")


def _value(said: _Line, rest: str) -> str | bool | None:
    value: str | bool | None = said.value if said.value is not None else (rest or said.question)
    return value.strip().lower() if isinstance(value, str) else value


def _effort(value: str | bool | None) -> str | None:
    if value is None or value == DEFAULT or value in EFFORTS:
        return value if isinstance(value, str) else None
    raise BadRequest(f"/codex-config does not know {_shown(value)}; it takes {', '.join((*EFFORTS, DEFAULT))}.")


def _on(command: str, value: str | bool | None) -> bool | None:
    match value:
        case None | bool():
            return value
        case "on" | "off":
            return value == "on"
        case _:
            raise BadRequest(f"{command} does not know {_shown(value)}; it takes on or off.")


def _unknown(command: str) -> str:
    close = nearest(command, COMMANDS, at_least=0.6, most=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"There is no command {_shown(command)}.{meant} Commands: {', '.join(COMMANDS)}."


def _why_unreadable(line: bytes, error: str) -> str:
    if not line.strip().startswith(b"{"):
        return 'A request is one JSON object on one line: {"command": "/codex-ask", "question": "…"}.'
    return f"The request cannot be read: {error}. Fields: {_FIELDS}."


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN]
