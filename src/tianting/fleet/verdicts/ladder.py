"""What is done about a window that hangs, one rung at a time: without it the first measure would be the last one, and
an hour's uncommitted work would go with it.

    watching ──suspect──> probing ──beyond patience──> interrupting ──in vain──> saving ──saved──> killing ──> recover
       ↑                     │                              │                      │
       └──── it moves ───────┴── the turn ended: go on ─────┘                   holding: a person decides

A process that does not answer is not interrupted, since nobody would hear it. Nothing is killed before its work tree is
saved. Pure: the supervisor carries the step out, and stands on the rung that `after` names.
"""

import math
from typing import Literal

from msgspec import Struct, structs

from tianting.fleet.verdicts.health import Dead, Health, Stuck, Suspect, Well

Rung = Literal["watching", "probing", "interrupting", "saving", "killing", "holding"]
Action = Literal["wait", "watch", "probe", "interrupt", "go_on", "save", "kill", "hold", "recover"]
"""`go_on`: the process is fine again, its prompt is not answered (`fleet.verdicts.interrupted`);
`save`: a checkpoint of the work tree to `refs/tianting/rescue/<window>`; `recover`: ask `fleet.verdicts.recovery`."""

_RUNG_AFTER: dict[Action, Rung] = {
    "watch": "watching",
    "probe": "probing",
    "interrupt": "interrupting",
    "save": "saving",
    "kill": "killing",
    "hold": "holding",
    "go_on": "watching",
    "recover": "watching",
}


class LadderPatience(Struct, frozen=True, kw_only=True):
    """Seconds on each rung before the next one, and what the owner allows."""

    probing: float = 30.0
    """Between two probes of a window that is still suspected."""
    interrupting: float = 5.0
    saving: float = 60.0
    killing: float = 5.0
    """Before it is killed again."""
    kill_unsaved: bool = False
    """Kill it even though its work tree could not be saved."""

    def of(self, rung: Rung) -> float:
        """How long to stand on `rung`; endless where no time leads further."""
        return {
            "probing": self.probing,
            "interrupting": self.interrupting,
            "saving": self.saving,
            "killing": self.killing,
        }.get(rung, math.inf)


class Ladder(Struct, frozen=True, kw_only=True):
    """Where a window stands."""

    rung: Rung = "watching"
    since: float = 0.0
    """Monotonic seconds."""


class LadderFacts(Struct, frozen=True, kw_only=True):
    """What the next step depends on."""

    health: Health
    now: float
    turn_open: bool = True
    can_probe: bool = True
    can_interrupt: bool = True
    saved: bool | None = None
    """Whether the work tree was saved since this rung; None while that is not known. Nothing to save is saved."""


class Step(Struct, frozen=True, kw_only=True):
    """What to do now."""

    action: Action
    reason: str = ""


def next_step(ladder: Ladder, facts: LadderFacts, patience: LadderPatience) -> Step:
    """One step. `wait` and `watch` ask for nothing."""
    if isinstance(facts.health, Dead):
        return Step(action="recover", reason=facts.health.reason)
    over = facts.now - ladder.since >= patience.of(ladder.rung)
    match ladder.rung:
        case "watching":
            step = _from_watching(facts)
        case "probing":
            step = _from_probing(facts, over)
        case "interrupting":
            step = _from_interrupting(facts, over)
        case "saving":
            step = _from_saving(facts, over, patience)
        case "killing":
            step = Step(action="kill", reason="it is still there") if over else Step(action="wait")
        case _:
            step = _from_holding(facts)
    return step


def after(ladder: Ladder, step: Step, now: float) -> Ladder:
    """Where the window stands once `step` was taken. Waiting changes nothing."""
    if step.action == "wait":
        return ladder
    rung = _RUNG_AFTER[step.action]
    if rung == ladder.rung == "watching":
        return ladder
    return structs.replace(ladder, rung=rung, since=now)


def _from_watching(facts: LadderFacts) -> Step:
    match facts.health:
        case Suspect(reason=reason) if facts.can_probe:
            return Step(action="probe", reason=reason)
        case Stuck() as stuck:
            return _against(stuck, facts)
        case _:
            return Step(action="watch")


def _from_probing(facts: LadderFacts, over: bool) -> Step:
    match facts.health:
        case Well():
            return Step(action="watch", reason="it moves again")
        case Stuck() as stuck:
            return _against(stuck, facts)
        case _:
            return Step(action="probe" if over else "wait")


def _from_interrupting(facts: LadderFacts, over: bool) -> Step:
    if not facts.turn_open:
        return Step(action="go_on", reason="the turn was interrupted")
    if isinstance(facts.health, Stuck) and facts.health.hang == "wedge":
        return Step(action="save", reason=facts.health.reason)
    return Step(action="save", reason="it did not take the interrupt") if over else Step(action="wait")


def _from_saving(facts: LadderFacts, over: bool, patience: LadderPatience) -> Step:
    if isinstance(facts.health, Well):
        return Step(action="watch", reason="it moves again")
    if facts.saved:
        return Step(action="kill", reason="its work tree is saved")
    if facts.saved is None and not over:
        return Step(action="wait")
    if patience.kill_unsaved:
        return Step(action="kill", reason="its work tree could not be saved, and is set to be given up")
    return Step(
        action="hold", reason="it hangs, and its work tree could not be saved: look at it, then stop it by hand"
    )


def _from_holding(facts: LadderFacts) -> Step:
    if isinstance(facts.health, Well):
        return Step(action="watch", reason="it moves again")
    return Step(action="wait")


def _against(stuck: Stuck, facts: LadderFacts) -> Step:
    """Only who listens can be interrupted, and only where a turn runs."""
    gentle = stuck.hang == "stall" and facts.can_interrupt and facts.turn_open
    return Step(action="interrupt" if gentle else "save", reason=stuck.reason)
