"""Which reply a request gets, when many conversations play one script at once.

By history (the rule unless told otherwise): a conversation that holds n answers gets answer n + 1, so the server keeps
no state, any number of agents may run side by side, and a resumed conversation goes on where it stopped. Failures that
the script puts before that answer come first, once for each conversation, known by its first message.

By arrival: replies in the order of the requests, whoever sends them: for one agent whose conversation is compacted or
that starts others.
"""

from collections import Counter
from typing import Literal, Protocol

from msgspec import Struct

from tianting.models.scripted import Reply, Script, choose

Order = Literal["history", "arrival"]


class Conversation(Struct, frozen=True, kw_only=True):
    """What the rules look at."""

    answers: int
    """How many the history holds."""
    opening: str
    """Its first message."""
    said: str
    """All that was said to the model since its last answer."""


class Playback(Protocol):
    """A rule at work."""

    def reply(self, conversation: Conversation) -> Reply:
        """The reply that is due. Raises `RequestRejected` when the script has none."""
        ...


def playback(script: Script, order: Order | Playback) -> Playback:
    """Begin to play `script`; a rule of the caller's own plays what it likes."""
    if not isinstance(order, str):
        return order
    return ByHistory(script) if order == "history" else ByArrival(script)


class ByHistory:
    """Replies by the length of the conversation."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._replies = script.unrolled()
        answers = [place for place, reply in enumerate(self._replies) if reply.answers]
        self._after_answers = [0, *(place + 1 for place in answers)]
        self._failed: Counter[tuple[str, int]] = Counter()

    def reply(self, conversation: Conversation) -> Reply:
        """The reply that is due. Raises `RequestRejected` when the script has none."""
        start = self._after_answers[min(conversation.answers, len(self._after_answers) - 1)]
        place = (conversation.opening, start)
        reply = choose(
            self._replies, start + self._failed[place], conversation.said, repeat_last=self._script.repeat_last
        )
        if not reply.answers:
            self._failed[place] += 1
        return reply


class ByArrival:
    """Replies one after the other."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._replies = script.unrolled()
        self._asked = 0

    def reply(self, conversation: Conversation) -> Reply:
        """The reply that is due. Raises `RequestRejected` when the script has none."""
        place = self._asked
        self._asked += 1
        return choose(self._replies, place, conversation.said, repeat_last=self._script.repeat_last)
