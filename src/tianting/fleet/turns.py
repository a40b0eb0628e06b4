"""From prompts to answers: hands over one at a time, tells a turn that answers from one that only ended, and keeps both
in the store together with the words of the agent.

    accepted → _hand_over → the agent's events → _judge(TurnDone) → answered | parked | again
"""

from collections.abc import Callable

from tianting.fleet.course import Course, after, folded, succeeded
from tianting.fleet.drivers.driver import ConversationKnown, Fault, Prompt, TurnDone
from tianting.fleet.facts import Said
from tianting.fleet.fortune import Fortune
from tianting.fleet.promises import Promises
from tianting.fleet.record import Record
from tianting.fleet.store.records import LoggedEvent, PromptDone
from tianting.fleet.store.store import Store
from tianting.fleet.templates import Care
from tianting.fleet.verdicts.failures import Failure, classify_fault
from tianting.fleet.verdicts.interrupted import Continue, Leave, Repeat
from tianting.fleet.verdicts.past import Past, read_on
from tianting.fleet.verdicts.recovery import AskPerson, GiveUp, Rest, Successor, Verdict
from tianting.fleet.window import Status

Give = Callable[[Prompt], None]
"""Writes a prompt to the agent; what becomes of that is told as facts."""

STALLED = Failure(kind="stall", said="its turn was interrupted")


class Turns:
    """Of one window, over all its processes."""

    def __init__(self, record: Record, fortune: Fortune, care: Care) -> None:
        self.course = Course()
        self.promises = Promises()
        self.is_fresh = False
        """The process that runs does not know the conversation that was."""
        self.is_interrupted_by_us = False
        """The ladder has ended the turn, nobody else wanted it."""
        self.is_cut_off = False
        """Its process is being ended: a turn that is interrupted by that is no answer."""
        self.is_doubtful = False
        """An earlier fleet may have handed the prompt over, or not."""
        self._record = record
        self.fortune = fortune
        self.care = care

    @property
    def is_open(self) -> bool:
        """A turn runs, or will as soon as the agent has read its prompt."""
        return self.course.in_turn or self.promises.at_hand is not None

    def is_asked(self, question_id: str) -> bool:
        """A person has not answered this yet."""
        return any(one.question_id == question_id for one in self.course.questions)

    async def said(self, said: Said, successors: frozenset[Successor]) -> Verdict | None:
        """Store what the agent said. Gives back what follows of a turn that was to answer a prompt, and did not."""
        events: list[LoggedEvent] = []
        answered: list[str] = []
        follows: Verdict | None = None
        for event in said.events:
            events.append(event)
            self.course = after(self.course, event, said.generation)
            if isinstance(event, ConversationKnown):
                self._record.note(conversation_id=event.conversation_id)
            if isinstance(event, TurnDone) and self.promises.is_taken(self.course):
                done, follows = self._judge(event, successors)
                if done is not None:
                    events.append(done)
                    answered.append(done.uuid)
                    self._close(done)
        await self._record.said(events, said.mark, answered)
        return follows

    async def refused(self, fault: Fault, successors: frozenset[Successor]) -> Verdict | None:
        """The agent did not take the prompt at hand. Gives back what follows."""
        done, follows = self._judge(TurnDone(fault=fault), successors)
        if done is not None:
            await self.finish(done)
        return follows

    async def finish(self, done: PromptDone) -> None:
        """The first prompt has its end, without the agent."""
        await self._record.said((done,), None, (done.uuid,))
        self._close(done)

    async def settle(self, reason: str = "") -> None:
        """Bring the window's status in line with what its agent does."""
        question = self.course.questions[0] if self.course.questions else None
        asked = None if question is None else question.text or question.tool
        status = self._status()
        window = self._record.window
        if window.status == status and window.question == asked:
            return
        if status == "waiting" and window.status not in {"busy", "starting"}:
            await self._record.move("busy")
        if window.status != "parked" or status != "ready":  # who is parked rests until it is woken
            await self._record.move(status, reason, question=asked)

    async def hand_over(self, give: Give) -> None:
        """Give the next prompt to an agent that is ready for it."""
        while self._record.window.status == "ready" and (next_one := self.promises.next) is not None:
            fresh = self.is_fresh and not self.course.took_here
            match self.promises.fate(self.course, self.care.prompts, fresh=fresh):
                case Leave(reason=reason):
                    await self.finish(PromptDone(uuid=next_one.uuid, fault=Fault(message=reason, code="left")))
                case Repeat():
                    await self._give(next_one, next_one.text, give)
                case Continue(note=note):
                    await self._give(next_one, note, give)

    async def remember(self, store: Store, *, has_process: bool) -> None:
        """Go on where an earlier fleet stood. `has_process`: that of this generation, or its last words."""
        window, last = self._record.window, 0
        course, past = self.course, Past()
        while events := (await store.events(window.window_id, after=last)).events:
            course, past, last = folded(course, events), read_on(past, events), events[-1].sequence
        self.fortune.recall(past, await store.generations(window.window_id), self.care.restarts)
        is_same = has_process and course.generation == window.generation
        self.course = course if is_same else succeeded(course, window.generation)
        pending = await store.pending(window.window_id)
        given = bool(pending) and pending[0].delivered_to == window.generation
        is_through = self.course.took_here and not self.course.in_turn
        handed = has_process and given and not is_through
        self.promises = Promises.taken_up((one.prompt for one in pending), self.course, handed=handed)
        self.is_doubtful = handed and not self.course.took_here

    def doubted(self) -> Prompt | None:
        """The prompt that is in doubt, to be given again, once: by now the agent has read what it was given."""
        at_hand, is_doubtful, self.is_doubtful = self.promises.at_hand, self.is_doubtful, False
        if at_hand is None or not is_doubtful or self.promises.is_taken(self.course):
            return None
        self.promises.take_back(failed=False)
        return self.promises.hand_over(at_hand.text, self.course)

    def process_ended(self, *, crashed: bool) -> None:
        """Whatever was in the middle is over."""
        self.promises.take_back(failed=crashed)
        self.course = succeeded(self.course, self.course.generation)
        self.is_interrupted_by_us = self.is_cut_off = False

    def _judge(self, turn: TurnDone, successors: frozenset[Successor]) -> tuple[PromptDone | None, Verdict | None]:
        """Whether `turn` is the end of the prompt at hand, and what follows where it is not, or where it went wrong."""
        at_hand = self.promises.at_hand
        if at_hand is None or (turn.interrupted and self.is_cut_off):
            return None, None
        if turn.interrupted and not self.is_interrupted_by_us:
            return PromptDone(uuid=at_hand.uuid, text=turn.text, interrupted=True), None
        if turn.fault is None and not turn.interrupted:
            self.fortune.went_well()
            return PromptDone(uuid=at_hand.uuid, text=turn.text), None
        return self._judge_failure(at_hand, turn, successors)

    def _judge_failure(
        self, at_hand: Prompt, turn: TurnDone, successors: frozenset[Successor]
    ) -> tuple[PromptDone | None, Verdict]:
        failure = STALLED if turn.fault is None else classify_fault(turn.fault)
        self.is_interrupted_by_us = False
        follows = self.fortune.decide(failure, self.care.restarts, self.course.limit, successors)
        if isinstance(follows, AskPerson | GiveUp | Rest):
            fault = turn.fault or Fault(message=failure.line)
            return PromptDone(uuid=at_hand.uuid, text=turn.text, fault=fault), follows
        self.promises.take_back(failed=failure.meaning.crash)
        return None, follows

    async def _give(self, prompt: Prompt, text: str, give: Give) -> None:
        worded = self.promises.hand_over(text, self.course)
        await self._record.delivered(prompt.uuid)
        await self._record.move("busy")
        give(worded)

    def _close(self, done: PromptDone) -> None:
        self.promises.done()
        self.course = after(self.course, done, self.course.generation)

    def _status(self) -> Status:
        if self.course.questions:
            return "waiting"
        return "busy" if self.is_open else "ready"
