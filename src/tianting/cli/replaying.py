"""What the present rules would decide over the calls of a past session: how a change of rules is tried out."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from tianting.cli.explaining import Asked, Explained, Explainer
from tianting.permissions.gate import tells_of_refusal
from tianting.protocol.content import ToolResult, ToolUse, text_of
from tianting.protocol.errors import ConfigError
from tianting.protocol.messages import AssistantMessage, Message, UserMessage

Happened = Literal["ran", "was refused"]


class Replayed(Struct, frozen=True, kw_only=True):
    """A call whose fate would be another one."""

    happened: Happened
    explained: Explained
    call: ToolUse


def differences(history: list[Message], explainer: Explainer) -> Iterator[Replayed]:
    """The calls that ran and would be asked about or refused, and those that were refused and would run."""
    answers = _answers(history)
    for call in _calls(history):
        answer = answers.get(call.id)
        if answer is None:
            continue
        try:
            explained = explainer.explain(Asked(tool=call.name, input=call.input))
        except ConfigError:  # it was called wrongly then, and nothing ran
            continue
        happened: Happened = "was refused" if _is_refusal(answer) else "ran"
        if (happened == "ran") != (explained.decision == "allow"):
            yield Replayed(happened=happened, explained=explained, call=call)


def _calls(history: list[Message]) -> Iterator[ToolUse]:
    for message in history:
        if isinstance(message, AssistantMessage):
            yield from (block for block in message.content if isinstance(block, ToolUse))


def _answers(history: list[Message]) -> dict[str, ToolResult]:
    return {
        block.tool_use_id: block
        for message in history
        if isinstance(message, UserMessage)
        for block in message.content
        if isinstance(block, ToolResult)
    }


def _is_refusal(answer: ToolResult) -> bool:
    words = answer.content if isinstance(answer.content, str) else text_of(answer.content)
    return answer.is_error and tells_of_refusal(words)
