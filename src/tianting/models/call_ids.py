"""Names for calls that every provider takes: a history that began elsewhere carries ids another one refuses."""

import re
from collections.abc import Iterable

from tianting.protocol.messages import AssistantMessage, Message

ANTHROPIC_ID = r"[a-zA-Z0-9_-]+"
OPENAI_ID = r"[a-zA-Z0-9_-]{1,64}"
MISTRAL_ID = r"[a-zA-Z0-9]{9}"
ANY_ID = r"(?s).+"


class CallIds:
    """Says what each call of one history is called on the wire.

    An id the provider would refuse becomes `call00001` and so on, by its place in the history: calls and results
    agree, and a longer history renames the same way.
    """

    def __init__(self, history: Iterable[Message], accepted: str) -> None:
        """`accepted`: the pattern of ids that this history's provider takes."""
        self._names: dict[str, str] = {}
        self._accepted = accepted
        self.learn(history)

    def learn(self, more: Iterable[Message]) -> None:
        """Take in what the history has grown by."""
        for message in more:
            if isinstance(message, AssistantMessage):
                for call in message.calls:
                    fits = re.fullmatch(self._accepted, call.id) is not None
                    self._names.setdefault(call.id, call.id if fits else f"call{len(self._names) + 1:05d}")

    def __getitem__(self, call_id: str) -> str:
        return self._names.get(call_id, call_id)
