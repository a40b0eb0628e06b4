"""After an end: go on, wait, change over, ask, or give up. Without it every caller would restart in its own rhythm.

    limits, network         park (or another key or model takes over); never a crash
    crash, stall, memory    resume at once, then after 1 to 60 s with jitter; the sixth in 15 minutes is given up
    conversation gone       a new one, only where the owner allowed it
    login, budget, disk ... a person
    no program              given up at once: it fails the same way each time

Pure: no clock, no process, no chance of its own. The supervisor supplies the facts and carries the verdict out.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct, structs

from tianting.fleet.verdicts.failure_words import Kind
from tianting.fleet.verdicts.failures import Failure
from tianting.fleet.verdicts.parking import Cause, LimitFacts, Park, ParkPolicy, park
from tianting.plumbing.backoff import Backoff

Successor = Literal["key", "model", "standby"]


class RestartPolicy(Struct, frozen=True, kw_only=True):
    """How patient the fleet is with a window."""

    most: int = 5
    """Restarts allowed inside `within`; one more and the window is given up."""
    within: float = 900.0
    """Seconds."""
    forgiven_after: float = 600.0
    """Seconds without a restart after which all earlier ones are forgotten."""
    backoff: Backoff = Backoff(first=1.0, longest=60.0)
    """Between the second restart and the following ones; the first comes at once."""
    most_unready: int = 2
    """Starts in a row that never shook hands: a broken installation must be loud, not slow."""
    most_ooms: int = 2
    """Ends for want of memory inside `within` before a person is asked for more of it."""
    most_waits: int = 20
    """Times in a row that a limit or the network is waited for before a person is asked."""
    fresh_when_missing: bool = False
    """Begin a new conversation where the old one cannot be found."""
    successors: tuple[Successor, ...] = ("standby",)
    """What may take over, in the order of preference."""
    parking: ParkPolicy = ParkPolicy()


class Restart(Struct, frozen=True, kw_only=True):
    """One restart that counts."""

    at: float
    """Monotonic seconds."""
    kind: Kind


class History(Struct, frozen=True, kw_only=True):
    """What a window has been through."""

    restarts: tuple[Restart, ...] = ()
    """Oldest first."""
    waits: int = 0
    """Rests since the last turn that went well."""
    unready: int = 0
    """Starts in a row that never shook hands."""


class Situation(Struct, frozen=True, kw_only=True):
    """What the verdict depends on beside the failure."""

    limit: LimitFacts | None = None
    """What is known of the limit, for those kinds that are one."""
    successors: frozenset[Successor] = frozenset()
    """What could take over right now: a key with room, a model that is not refused, a standby that is ready."""


class Resume(Struct, frozen=True, kw_only=True):
    """Go on with the conversation at once: in the process if it lives, otherwise in a new one."""


class RestartAfter(Struct, frozen=True, kw_only=True):
    """The same after a while."""

    delay: float
    """Seconds."""
    fresh: bool = False
    """With a new conversation."""


class Failover(Struct, frozen=True, kw_only=True):
    """Another one takes over at once."""

    to: Successor
    reason: str


class AskPerson(Struct, frozen=True, kw_only=True):
    """Nothing happens until somebody has acted; the process, if it lives, is left alone."""

    reason: str
    blocks: bool = True
    """The next prompt would meet the same; otherwise only this one does."""


class GiveUp(Struct, frozen=True, kw_only=True):
    """The window has failed; its conversation and its work tree stay."""

    reason: str


class Rest(Struct, frozen=True, kw_only=True):
    """It was meant to end."""


Verdict = Resume | RestartAfter | Park | Failover | AskPerson | GiveUp | Rest

_REPLACED_BY: dict[Successor, frozenset[Kind]] = {
    "key": frozenset({"auth", "budget", "rate_limited", "usage_limit"}),
    "model": frozenset({"rate_limited", "usage_limit", "overloaded"}),
    "standby": frozenset({"stall", "wedge", "signal", "oom", "protocol_garbage", "unknown"}),
}
"""What helps against what: another key does not mend a crash, a standby has the same empty account."""

_ABOUT_THE_PROMPT: frozenset[Kind] = frozenset({"context_full", "bad_request"})
"""Another prompt may well be taken: one that compacts the conversation, for example."""

_PASSES_AFTER: dict[Kind, Cause] = {
    "rate_limited": "rate_limit",
    "usage_limit": "usage_limit",
    "overloaded": "overloaded",
    "network": "network",
}


def verdict(
    failure: Failure,
    history: History,
    policy: RestartPolicy,
    situation: Situation,
    *,
    now: float,
    wall: float,
    random: Callable[[], float],
) -> Verdict:
    """Decide what follows `failure`.

    Crashes are counted by `now`, in monotonic seconds; limits end by the calendar, so `wall` is Unix time.
    `random` gives a number in [0, 1).
    """
    if failure.kind == "clean":
        return Rest()
    if failure.kind in _PASSES_AFTER:
        return _after_limit(failure, history, policy, situation, wall, random)
    if failure.meaning.crash:
        return _after_crash(failure, history, policy, situation, now, random)
    return _after_lasting(failure, policy, situation)


def noted(history: History, failure: Failure, answer: Verdict, policy: RestartPolicy, now: float) -> History:
    """`history` with what was decided. What `policy` has forgiven or no longer looks at is left out."""
    if isinstance(answer, Park):
        return structs.replace(history, waits=history.waits + 1)
    if not failure.meaning.crash:
        return history
    recent = (*_counted(history, policy, now), Restart(at=now, kind=failure.kind))
    return structs.replace(history, restarts=recent)


def started(history: History, *, ready: bool) -> History:
    """A start has ended in a handshake, or without one; this is noted before anything is decided about it."""
    return structs.replace(history, unready=0 if ready else history.unready + 1)


def went_well(history: History) -> History:
    """A turn was answered: whatever was waited for is over."""
    return structs.replace(history, waits=0)


def _after_limit(
    failure: Failure,
    history: History,
    policy: RestartPolicy,
    situation: Situation,
    wall: float,
    random: Callable[[], float],
) -> Verdict:
    if (successor := _successor(failure, policy, situation)) is not None:
        return successor
    if history.waits >= policy.most_waits:
        return AskPerson(reason=f"Waited {history.waits} times in vain. {failure.line}")
    limit = situation.limit or LimitFacts(cause=_PASSES_AFTER[failure.kind], text=failure.said)
    return park(structs.replace(limit, tries=history.waits), policy.parking, wall, random)


def _after_crash(
    failure: Failure,
    history: History,
    policy: RestartPolicy,
    situation: Situation,
    now: float,
    random: Callable[[], float],
) -> Verdict:
    recent = _counted(history, policy, now)
    if (reason := _hopeless(failure, recent, history, policy)) is not None:
        return GiveUp(reason=reason)
    ooms = sum(one.kind == "oom" for one in recent)
    if failure.kind == "oom" and ooms >= policy.most_ooms:
        return AskPerson(reason=f"Out of memory {ooms + 1} times in {_minutes(policy.within)}. {failure.line}")
    if (successor := _successor(failure, policy, situation)) is not None:
        return successor
    if not recent:
        return Resume()
    return RestartAfter(delay=policy.backoff.delay(len(recent), random))


def _after_lasting(failure: Failure, policy: RestartPolicy, situation: Situation) -> Verdict:
    """What the same attempt meets again."""
    if (successor := _successor(failure, policy, situation)) is not None:
        return successor
    if failure.kind == "spawn_missing":
        return GiveUp(reason=failure.line)
    if failure.kind == "resume_missing" and policy.fresh_when_missing:
        return RestartAfter(delay=0.0, fresh=True)
    return AskPerson(reason=failure.line, blocks=failure.kind not in _ABOUT_THE_PROMPT)


def _hopeless(failure: Failure, recent: tuple[Restart, ...], history: History, policy: RestartPolicy) -> str | None:
    if history.unready >= policy.most_unready:
        return f"{history.unready} starts in a row did not get ready. {failure.line}"
    if len(recent) >= policy.most:
        return f"{len(recent)} restarts in {_minutes(policy.within)} were not enough. {failure.line}"
    return None


def _counted(history: History, policy: RestartPolicy, now: float) -> tuple[Restart, ...]:
    """Restarts that still count: those inside the window, none after a long enough quiet."""
    if history.restarts and now - history.restarts[-1].at >= policy.forgiven_after:
        return ()
    return tuple(one for one in history.restarts if now - one.at < policy.within)


def _successor(failure: Failure, policy: RestartPolicy, situation: Situation) -> Failover | None:
    for one in policy.successors:
        if one in situation.successors and failure.kind in _REPLACED_BY[one]:
            return Failover(to=one, reason=failure.line)
    return None


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes"
