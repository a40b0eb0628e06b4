"""From a question in a window to its answer: follows what happens, and knows when nothing more is to be hoped for.

Heard.take(event): words, reasoning → PromptDone → Outcome
                   a person is asked → declined: nobody sits here
                   failed, stopped, parked for long → Outcome with an error; the question stays asked
"""

from tianting.daemon.outcomes import Outcome, Piece, Tell
from tianting.fleet.course import delivery_id
from tianting.fleet.drivers.codex_messages import reasoning_of
from tianting.fleet.drivers.driver import (
    Answer,
    LineRead,
    PersonAsked,
    Progressed,
    PromptTaken,
    ToolBegan,
    TurnDone,
)
from tianting.fleet.store.records import LoggedEvent, PromptDone, WindowMoved
from tianting.fleet.window import OVER, Window
from tianting.fleet.windows import NoSuchWindow, WindowManager
from tianting.plumbing.clock import Clock
from tianting.protocol.errors import FleetError

LONGEST_REST = 60.0
"""Seconds for which an answer is waited for that a limit holds up."""
NOBODY = "Nobody is here to be asked: go on without it, or say what you would have done."
_TRIES = 16
"""Deliveries of one prompt that are recognised; the fleet leaves a prompt long before."""


async def follow(fleet: WindowManager, window_id: str, prompt: str, after: int, *, tell: Tell, clock: Clock) -> Outcome:
    """Wait for the end of `prompt` among the events behind `after`. Raises `NoSuchWindow`."""
    heard = Heard(prompt)
    async for stored in fleet.events(window_id, after):
        match stored.event:
            case PromptDone(uuid=done) as end if done == prompt:
                return heard.outcome(end)
            case PersonAsked(question_id=question):
                await _decline(fleet, window_id, question, heard)
            case WindowMoved():
                if (why := hopeless(fleet.get_window_status(window_id).window, clock.now())) is not None:
                    return heard.failed(why)
            case event:
                if (piece := heard.take(event)) is not None:
                    await tell(piece)
    raise NoSuchWindow("The conversation was ended before the answer came.")


def hopeless(window: Window, now: float) -> str | None:
    """Why `window` will not answer in the foreseeable future; None where it may."""
    if window.status in OVER:
        return window.reason or f"The agent is {window.status}."
    if window.status == "parked" and (window.parked_until is None or window.parked_until - now > LONGEST_REST):
        return f"The agent rests: {window.reason}. The question stays asked."
    return None


class Heard:
    """What has been heard of one prompt. A delivery after a crash begins anew."""

    def __init__(self, prompt: str) -> None:
        self.declined = 0
        self._names = {delivery_id(prompt, takes) for takes in range(_TRIES)}
        self._is_ours = False
        self._is_between = False
        """The next word begins another message."""
        self._words: list[str] = []
        self._reasoning: list[str] = []

    def take(self, event: LoggedEvent) -> Piece | None:
        """The piece that `event` adds to the answer, if it does."""
        match event:
            case PromptTaken(uuid=taken) if taken in self._names:
                self._is_ours = True
                self._words, self._reasoning, self._is_between = [], [], False
            case TurnDone():
                self._is_ours = False
            case Progressed(text=text) if self._is_ours and text:
                return self._piece(text)
            case Progressed() | ToolBegan():
                self._is_between = bool(self._words)
            case LineRead(line=line) if self._is_ours and (thought := reasoning_of(line)):
                self._reasoning.append(thought)
                return Piece(reasoning=thought)
            case _:
                pass
        return None

    def _piece(self, text: str) -> Piece:
        word = f"\n\n{text}" if self._is_between else text
        self._is_between = False
        self._words.append(word)
        return Piece(text=word)

    def outcome(self, done: PromptDone) -> Outcome:
        """The end, as the fleet tells it."""
        if done.fault is not None:
            return self.failed(f"The agent could not answer: {done.fault.message}")
        if done.interrupted:
            return self.failed("The turn was ended before it was answered.")
        return Outcome(
            text=done.text,
            said="".join(self._words).strip() or done.text,
            reasoning="".join(self._reasoning),
            declined=self.declined,
        )

    def failed(self, why: str) -> Outcome:
        """The end, without an answer."""
        return Outcome(said="".join(self._words).strip(), declined=self.declined, error=why)


async def _decline(fleet: WindowManager, window_id: str, question: str, heard: Heard) -> None:
    heard.declined += 1
    try:
        await fleet.answer(window_id, question, Answer(allow=False, text=NOBODY))
    except FleetError:  # answered or moot by now
        heard.declined -= 1
