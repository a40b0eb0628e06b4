"""Keeps what has arrived of an answer, so that an interrupted one stays in the history as far as it came."""

from msgspec import structs

from tianting.protocol.content import AssistantBlock, Text, ToolUse
from tianting.protocol.deltas import BlockFinished, BlockStarted, Delta, MessageStarted, RequestRetried, TextDelta
from tianting.protocol.messages import AssistantMessage


class PartialAnswer:
    """Folds deltas. One per request."""

    def __init__(self) -> None:
        self._started: MessageStarted | None = None
        self._blocks: list[AssistantBlock] = []
        self._words: list[str] = []

    def add(self, delta: Delta) -> None:
        """Take the next delta. Called for every one, so it looks only at its type."""
        kind = type(delta)
        if kind is TextDelta:
            self._words.append(delta.text)  # type: ignore[union-attr]
        elif kind is BlockFinished:
            self._blocks.append(delta.block)  # type: ignore[union-attr]
            self._words.clear()
        elif kind is BlockStarted or kind is RequestRetried:
            self._words.clear()
            if kind is RequestRetried:
                self._blocks.clear()
        elif kind is MessageStarted:
            self._started = delta  # type: ignore[assignment]

    def aborted(self) -> AssistantMessage | None:
        """What may stay: whole text blocks and the words of an open one.

        Calls are left out, because they never ran, and so is thinking: providers want it whole and where it was.
        """
        texts = [Text(text=block.text) for block in self._blocks if isinstance(block, Text)]
        if words := "".join(self._words):
            texts.append(Text(text=words))
        if self._started is None or not any(text.text.strip() for text in texts):
            return None
        return AssistantMessage(
            id=self._started.message_id,
            model=self._started.model,
            content=tuple(text for text in texts if text.text.strip()),
            usage=self._started.usage,
            aborted=True,
        )


def without_cut_call(answer: AssistantMessage) -> AssistantMessage:
    """`answer` less a call at its end that the output limit cut: half a call must never run."""
    last = answer.content[-1] if answer.content else None
    if answer.stop_reason in {"max_tokens", "model_context_window_exceeded"} and isinstance(last, ToolUse):
        return structs.replace(answer, content=answer.content[:-1])
    return answer
