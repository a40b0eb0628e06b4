"""From the lines of a conversation to messages a provider accepts.

An answer was written as one line per block and is one message again. Its results follow it at once, one message
each, in the order of its calls. What a crash left open is closed: a call without a result gets one that says so,
a result without its call is dropped, and so is reasoning at the end of an answer that never went on.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, get_args

import msgspec

from tianting.protocol.content import AssistantBlock, RedactedThinking, Thinking, ToolResult, ToolUse
from tianting.protocol.messages import AssistantMessage, Message, Origin, StopReason, UserMessage
from tianting.protocol.usage import Usage
from tianting.session.attachments import attached
from tianting.session.block_reading import assistant_blocks, user_blocks
from tianting.session.lines import Line

UNFINISHED = "The session ended before this call finished."
T = TypeVar("T")


def history_of(lines: Sequence[Line]) -> list[Message]:
    """The messages in `lines`, which are a chain's. Every call in them is answered right after its message."""
    exchanges = [_Exchange()]
    for line in lines:
        if line.answers:
            if not exchanges[-1].goes_on_with(line):
                exchanges.append(_Exchange())
            exchanges[-1].add_answer(line)
        elif line.type == "user" and _goes_to_model(line):
            exchanges[-1].add_reaction(line)
        elif (told := attached(line)) is not None:
            exchanges[-1].add_told(told)
    return [message for exchange in exchanges for message in exchange.messages()]


class _Exchange:
    """One answer, the results of its calls, and what was said before the next answer. The first has no answer."""

    def __init__(self) -> None:
        self._answer: list[Line] = []
        self._results: dict[str, ToolResult] = {}
        self._said: list[UserMessage] = []

    def goes_on_with(self, line: Line) -> bool:
        """Whether `line` is a further block of this answer.

        The id alone cannot say: some providers give all their answers the same one.
        """
        if not self._answer or self._answer[0].field("id") != line.field("id"):
            return False
        hangs_on_it = any(line.parent_uuid == part.uuid for part in self._answer)
        return hangs_on_it or not (self._results or self._said)

    def add_answer(self, line: Line) -> None:
        self._answer.append(line)

    def add_reaction(self, line: Line) -> None:
        blocks = user_blocks(line.field("content"))
        for block in blocks:
            if isinstance(block, ToolResult):
                self._results.setdefault(block.tool_use_id, block)
        said = tuple(block for block in blocks if not isinstance(block, ToolResult))
        if said:
            self._said.append(UserMessage(content=said, meta=bool(line.is_meta or line.is_compact_summary)))

    def add_told(self, message: UserMessage) -> None:
        self._said.append(message)

    def messages(self) -> list[Message]:
        answer = _message(self._answer)
        if answer is None:
            return [*self._said]
        results = [self._results.get(call.id, _unfinished(call.id)) for call in answer.calls]
        return [answer, *(UserMessage(content=(result,)) for result in results), *self._said]


def _goes_to_model(line: Line) -> bool:
    return bool(line.is_compact_summary) or not line.is_visible_in_transcript_only


def _unfinished(call_id: str) -> ToolResult:
    return ToolResult(tool_use_id=call_id, content=UNFINISHED, is_error=True)


def _message(lines: Sequence[Line]) -> AssistantMessage | None:
    """One message of an answer's lines; None when nothing of it can be kept."""
    blocks = tuple(block for line in lines for block in assistant_blocks(line.field("content")))
    reasons = [line.field("stop_reason") for line in lines]
    stop_reason = next((reason for reason in reversed(reasons) if reason in get_args(StopReason)), None)
    if stop_reason is None or _lacks_its_calls(stop_reason, blocks):
        blocks = _without_last_thoughts(blocks)
    if not blocks:
        return None
    last = lines[-1]
    return AssistantMessage(
        id=str(last.field("id") or last.uuid),
        model=str(last.field("model") or ""),
        content=blocks,
        stop_reason=stop_reason,
        usage=_usage(last.field("usage")),
        origin=_converted(last.origin, Origin),
        aborted=bool(last.aborted),
    )


def _lacks_its_calls(stop_reason: StopReason, blocks: Sequence[AssistantBlock]) -> bool:
    """Whether a crash came between the blocks: some writers know at each of them why the answer will stop."""
    return stop_reason == "tool_use" and not any(isinstance(block, ToolUse) for block in blocks)


def _without_last_thoughts(blocks: tuple[AssistantBlock, ...]) -> tuple[AssistantBlock, ...]:
    """Providers refuse an answer that ends in reasoning, and a cut one may."""
    while blocks and isinstance(blocks[-1], Thinking | RedactedThinking):
        blocks = blocks[:-1]
    return blocks


def _usage(raw: Any) -> Usage:
    usage = _converted(raw, Usage) or Usage()
    by_age = raw.get("cache_creation") if isinstance(raw, dict) else None
    if not isinstance(by_age, dict) or not isinstance(by_age.get("ephemeral_1h_input_tokens"), int):
        return usage
    return msgspec.structs.replace(usage, cache_creation_1h_input_tokens=by_age["ephemeral_1h_input_tokens"])


def _converted(raw: Any, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        return None
