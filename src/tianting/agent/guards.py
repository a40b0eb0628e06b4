"""Notices a model that is stuck, and says what to do about it. Pure: what happened in, a verdict out.

the same call with the same result   third time a note, fifth time the turn ends
an empty answer                      asked once more, then a note, then the turn ends
an answer its provider paused        asked to go on, twenty times
an answer cut by its output limit    a note that says to go on in smaller parts
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from tianting.protocol.content import Text, ToolUse
from tianting.protocol.events import ToolFinished
from tianting.protocol.messages import AssistantMessage

NOTE_AT = 3
END_AT = 5
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
    """Counts equal calls with equal results. Anything else in between starts the count anew."""

    def __init__(self) -> None:
        self._last: tuple[str, bytes, Any] | None = None
        self._times = 0

    def after_call(self, finished: ToolFinished) -> Concern:
        """Judge one finished call."""
        call, result = finished.call, finished.result
        fact = (call.tool_name, msgspec.json.encode(call.arguments, order="sorted"), result.content)
        self._times = self._times + 1 if fact == self._last else 1
        self._last = fact
        if self._times >= END_AT:
            return GiveUp(
                reason="going_in_circles",
                text=f"Stopped: {call.tool_name} was called {END_AT} times with the same arguments and result.",
            )
        if self._times == NOTE_AT:
            return AskAgain(
                note=f"{call.tool_name} was called {NOTE_AT} times with the same arguments and gave the same result. "
                "It will not change by itself; take another step."
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
            return Fine()
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
