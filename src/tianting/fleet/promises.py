"""The prompts that a window owes an answer to, one at hand: without this book a crash could lose one, or answer twice.

added (accepted in the store) → handed over → taken by the agent → done
                                    ↑ ended before its answer: again, or with a note, as `interrupted` decides
"""

from collections import deque
from collections.abc import Iterable

from tianting.fleet.course import Course, delivery_id
from tianting.fleet.drivers.driver import Prompt
from tianting.fleet.verdicts.interrupted import Fate, OpenPrompt, PromptPolicy, fate


class Promises:
    """Of one window. One prompt is handed over at a time, so whatever a turn was about, it was about this one."""

    def __init__(self, prompts: Iterable[Prompt] = ()) -> None:
        self._open = deque(prompts)
        self._takes_before: int | None = None
        """How often it had been taken when it was handed over; None while it is not."""
        self._tries = 0

    @classmethod
    def taken_up(cls, prompts: Iterable[Prompt], course: Course, *, handed: bool) -> "Promises":
        """The book of an earlier fleet. `handed`: the process that runs was given the first one and is not through."""
        self = cls(prompts)
        self._tries = max(0, course.processes - handed)
        if handed and self._open:
            self._takes_before = course.takes - course.took_here
        return self

    def __len__(self) -> int:
        return len(self._open)

    def add(self, prompt: Prompt) -> None:
        """One more; the store has it."""
        self._open.append(prompt)

    @property
    def next(self) -> Prompt | None:
        """The one to hand over; None while the agent has one, or there is none."""
        return self._open[0] if self._open and self._takes_before is None else None

    @property
    def at_hand(self) -> Prompt | None:
        """The one that the agent has."""
        return self._open[0] if self._takes_before is not None else None

    def is_taken(self, course: Course) -> bool:
        """Whether the agent has acknowledged the one at hand since it was handed over."""
        return self._takes_before is not None and course.takes > self._takes_before

    def fate(self, course: Course, policy: PromptPolicy, *, fresh: bool) -> Fate:
        """What becomes of the next one. `fresh`: the process does not know the conversation."""
        known = OpenPrompt(taken=course.taken, tools_ran=course.tools_ran, tries=self._tries)
        return fate(known, policy, fresh=fresh)

    def hand_over(self, text: str, course: Course) -> Prompt:
        """The next one is on its way, in these words; under a name that the agent has not seen."""
        first = self._open[0]
        prompt = Prompt(text=text, uuid=delivery_id(first.uuid, course.takes), options=first.options)
        self._takes_before = course.takes
        return prompt

    def take_back(self, *, failed: bool) -> None:
        """It was not answered. `failed`: in a way that the prompt itself may be the reason of."""
        if self._takes_before is not None:
            self._takes_before = None
            self._tries += failed

    def done(self) -> None:
        """The first one has its end."""
        self._open.popleft()
        self._takes_before = None
        self._tries = 0
