"""Notices a model that is stuck, and says what to do about it. Pure: what happened in, a verdict out.

the same calls with the same results third time a note, fifth time the turn ends
... that wait for something          tenth time a note, thirtieth time the turn ends
an empty answer                      asked once more, then a note, then the turn ends
an answer its provider paused        asked to go on, twenty times
an answer cut by its output limit    three times a note that says to go on in smaller parts
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tianting.protocol.content import Text, ToolUse
from tianting.protocol.events import ToolFinished
from tianting.protocol.messages import AssistantMessage

NOTE_AT, END_AT = 3, 5
"""Answers in a row whose calls and results are equal."""
WAIT_NOTE_AT, WAIT_END_AT = 10, 30
"""The same for calls that ask after something that goes on: waiting is work, and still has to end."""
MOST_EMPTY = 3
MOST_CUT = 3
MOST_PAUSES = 20


class AskAgain(Struct, frozen=True, kw_only=True):
    """Send another request, with a note if there is one."""

    note: str = ""


class GiveUp(Struct, frozen=True, kw_only=True):
    """The turn ends."""

    reason: Literal["going_in_circles", "refused"]
    text: str


class Fine(Struct, frozen=True, kw_only=True):
    """Nothing to say."""


Concern = AskAgain | GiveUp | Fine


class RepetitionGuard:
    """Counts answers whose calls and results are those of the answer before.

    Equal calls of one answer are one repetition at most: the model had not yet seen what they give.
    """

    def __init__(self) -> None:
        self._last: tuple[Any, ...] = ()
        self._times = 0

    def after_calls(self, finished: Sequence[ToolFinished]) -> Concern:
        """Judge all calls of one answer."""
        facts = tuple(map(_fact, finished))
        self._times = self._times + 1 if facts == self._last else 1
        self._last = facts
        names = ", ".join(dict.fromkeys(one.call.tool_name for one in finished))
        if any(one.result.waiting for one in finished):
            return self._after_waiting(names)
        if self._times >= END_AT:
            text = f"Stopped: {names} was called {END_AT} times with the same arguments and result."
            return GiveUp(reason="going_in_circles", text=text)
        if self._times == NOTE_AT:
            return AskAgain(
                note=f"{names} was called {NOTE_AT} times with the same arguments and gave the same result. "
                "It will not change by itself; take another step."
            )
        return Fine()

    def _after_waiting(self, names: str) -> Concern:
        if self._times >= WAIT_END_AT:
            return GiveUp(reason="going_in_circles", text=f"Stopped: {names} had no news {WAIT_END_AT} times in a row.")
        if self._times == WAIT_NOTE_AT:
            return AskAgain(
                note=f"{names} had no news {WAIT_NOTE_AT} times in a row. Do something else meanwhile, "
                "sleep longer between two looks, or end what does not come."
            )
        return Fine()


class AnswerGuard:
    """Judges answers without calls: is it an end, or did something go wrong?"""

    def __init__(self) -> None:
        self._empty = 0
        self._cut = 0
        self._pauses = 0

    def after_answer(self, answer: AssistantMessage) -> Concern:
        """Judge an answer that asks for no tool (a call cut in half counts as none)."""
        match answer.stop_reason:
            case "refusal":
                return GiveUp(reason="refused", text=_words(answer) or "The model declined to answer.")
            case "pause_turn":
                return self._after_pause()
            case "max_tokens" | "model_context_window_exceeded":
                return self._after_cut(answer)
            case _:
                return self._after_end(answer)

    def _after_pause(self) -> Concern:
        self._pauses += 1
        if self._pauses > MOST_PAUSES:
            return GiveUp(reason="going_in_circles", text=f"Stopped: the answer was paused {self._pauses} times.")
        return AskAgain()

    def _after_cut(self, answer: AssistantMessage) -> Concern:
        self._cut += 1
        if self._cut > MOST_CUT:
            text = f"Stopped: answers were cut at their output limit {self._cut} times."
            return GiveUp(reason="going_in_circles", text=text)
        tokens = answer.usage.output_tokens
        if any(isinstance(block, ToolUse) for block in answer.content):
            return AskAgain(
                note=f"The answer was cut at {tokens} tokens, before its call was complete; the call did not run. "
                "Do it in smaller parts: write a file piece by piece."
            )
        return AskAgain(note=f"The answer was cut at {tokens} tokens. Go on where it broke off.")

    def _after_end(self, answer: AssistantMessage) -> Concern:
        if _words(answer):
            return Fine()
        self._empty += 1
        if self._empty >= MOST_EMPTY:
            return GiveUp(reason="going_in_circles", text="Stopped: the model gave no answer, three times in a row.")
        if self._empty == 1:
            return AskAgain()
        return AskAgain(note="The last answer was empty. Call a tool, or say what was done.")


def _words(answer: AssistantMessage) -> str:
    return "".join(block.text for block in answer.content if isinstance(block, Text)).strip()


def _fact(finished: ToolFinished) -> tuple[str, bytes, Any]:
    """What makes two calls equal. A call that waits says for how long, which is no news; its data do not."""
    call, result = finished.call, finished.result
    arguments = msgspec.json.encode(call.arguments, order="sorted")
    return call.tool_name, arguments, result.data if result.waiting else result.content
