"""What a window has been through, and what is decided because of it: `recovery.verdict` has no memory of its own."""

from collections.abc import Callable, Iterable

from tianting.fleet.drivers.driver import Limited
from tianting.fleet.store.records import Generation
from tianting.fleet.verdicts.failures import Failure
from tianting.fleet.verdicts.parking import LimitFacts
from tianting.fleet.verdicts.past import Past, history
from tianting.fleet.verdicts.recovery import (
    History,
    RestartPolicy,
    Situation,
    Successor,
    Verdict,
    noted,
    started,
    verdict,
    went_well,
)
from tianting.plumbing.clock import Clock


class Fortune:
    """Of one window, over all its processes."""

    def __init__(self, clock: Clock, random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._history = History()

    def recall(self, past: Past, processes: Iterable[Generation], policy: RestartPolicy) -> None:
        """Know what an earlier fleet knew."""
        self._history = history(past, processes, policy, now=self._clock.monotonic(), wall=self._clock.now())

    def started(self, *, ready: bool) -> None:
        """A start has ended in a handshake, or without one."""
        self._history = started(self._history, ready=ready)

    def went_well(self) -> None:
        """A turn was answered."""
        self._history = went_well(self._history)

    def forgive(self) -> None:
        """A person has looked at it."""
        self._history = History()

    def decide(
        self, failure: Failure, policy: RestartPolicy, limit: Limited | None, successors: frozenset[Successor]
    ) -> Verdict:
        """What follows `failure`; it is held against the window from now on, if it is one of those that are."""
        answer = verdict(
            failure,
            self._history,
            policy,
            Situation(limit=_limit_facts(limit, failure), successors=successors),
            now=self._clock.monotonic(),
            wall=self._clock.now(),
            random=self._random,
        )
        self._history = noted(self._history, failure, answer, policy, self._clock.monotonic())
        return answer


def _limit_facts(limit: Limited | None, failure: Failure) -> LimitFacts | None:
    return None if limit is None else LimitFacts(cause=limit.cause, resets_at=limit.until, text=failure.said)
