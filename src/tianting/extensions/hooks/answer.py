"""Reads the JSON that a hook may print, field by field: one wrong field must not undo the refusal beside it."""

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, field, structs

from tianting.permissions.updates import PermissionUpdate

S = TypeVar("S", bound=Struct)

Opinion = Literal["allow", "ask", "deny", "defer"]
"""`defer` leaves the call to whoever looks at it later."""


class RequestDecision(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a `PermissionRequest`, in place of a person's."""

    behavior: Literal["allow", "deny"] | None = None
    updated_input: dict[str, Any] | None = None
    updated_permissions: tuple[PermissionUpdate, ...] = ()
    """With a yes: what is to be permitted from now on."""
    message: str = ""
    interrupt: bool = False


class SpecificAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What only some events can be answered with."""

    hook_event_name: str | None = None
    permission_decision: Opinion | None = None
    permission_decision_reason: str = ""
    updated_input: dict[str, Any] | None = None
    additional_context: str = ""
    updated_tool_output: Any = UNSET
    updated_mcp_tool_output: Any = field(default=UNSET, name="updatedMCPToolOutput")
    decision: Any = None
    """A `RequestDecision`, read by its own fields."""
    initial_user_message: str = ""
    session_title: str = ""
    retry: bool = False


class HookAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a hook says in words of its own."""

    go_on: bool = field(default=True, name="continue")
    """False ends the turn."""
    stop_reason: str = ""
    suppress_output: bool = False
    system_message: str = ""
    decision: Literal["block", "approve"] | None = None
    reason: str = ""
    additional_context: str = ""
    specific: Any = field(default=None, name="hookSpecificOutput")
    """A `SpecificAnswer`, read by its own fields."""


class ReadAnswer(Struct, frozen=True, kw_only=True):
    """A hook's output, taken apart."""

    answer: HookAnswer = HookAnswer()
    specific: SpecificAnswer = SpecificAnswer()
    request: RequestDecision | None = None
    plain: str = ""
    """Output that is no JSON and does not look it."""
    flaws: tuple[str, ...] = ()
    """What could not be read. The rest holds."""

    @property
    def updated_output(self) -> Any:
        """What the model shall read instead of the tool's output; `UNSET` for no change."""
        if self.specific.updated_tool_output is not UNSET:
            return self.specific.updated_tool_output
        return self.specific.updated_mcp_tool_output


def read_answer(stdout: str, event_name: str) -> ReadAnswer:
    """Read what a hook printed. Never raises: what is wrong is told in `flaws`."""
    text = stdout.strip()
    if not text.startswith("{"):
        return ReadAnswer(plain=text)
    try:
        raw = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        return ReadAnswer(flaws=(f"its output begins like JSON and is none: {error}",))
    return _read_fields(raw, event_name)


def _read_fields(raw: dict[str, Any], event_name: str) -> ReadAnswer:
    flaws: list[str] = []
    answer = _lenient(raw, HookAnswer, "", flaws)
    specific, request = SpecificAnswer(), None
    if answer.specific is not None:
        specific = _lenient(answer.specific, SpecificAnswer, "hookSpecificOutput", flaws)
    if specific.decision is not None:
        request = _lenient(specific.decision, RequestDecision, "hookSpecificOutput.decision", flaws)
    if specific.hook_event_name not in (None, event_name):
        flaws.append(f"hookSpecificOutput.hookEventName is {specific.hook_event_name!r}, the event {event_name}")
    return ReadAnswer(answer=answer, specific=specific, request=request, flaws=tuple(flaws))


def _lenient(raw: Any, shape: type[S], place: str, flaws: list[str]) -> S:
    """Every field of `raw` that fits `shape`; the others are noted. Fields we do not know are left out."""
    if not isinstance(raw, dict):
        flaws.append(f"{place} is no object")
        return shape()
    read: dict[str, Any] = {}
    for known in structs.fields(shape):
        value = raw.get(known.encode_name)
        if value is None:
            continue
        try:
            read[known.name] = msgspec.convert(value, known.type)
        except msgspec.ValidationError as error:
            flaws.append(f"{f'{place}.' if place else ''}{known.encode_name}: {error}")
    return shape(**read)


def is_given(value: Any) -> bool:
    """Whether `value` was set at all."""
    return not isinstance(value, UnsetType)
