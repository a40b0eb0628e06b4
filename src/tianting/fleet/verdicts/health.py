"""Is a window alive, does it answer, does it move? Without the third question an agent that hangs in a stream reads as
busy for hours; without the other two it cannot be told from one that works.

    alive?        the process is there
    answering?    a probe comes back: a process that is stopped or spins does not, one whose stream hangs does
    progressing?  how long nothing has come, judged by what it is doing
                  waiting for a person → never stuck          a tool whose processes work → progress
                  otherwise phi (suspicion) and a hard patience for each phase

Pure. All times are monotonic seconds.
"""

from typing import Literal

from msgspec import Struct

from tianting.fleet.verdicts.phi import Rhythm, phi

Phase = Literal["starting", "asking_model", "streaming", "tool_busy", "tool_idle", "asking_person", "idle"]
"""What a window is doing. `tool_busy`: a tool is open and its processes have used time since the last look;
`tool_idle`: a tool is open and nothing moves; `asking_model`: a request was sent and no piece has come yet."""

Hang = Literal["stall", "wedge"]


class Patience(Struct, frozen=True, kw_only=True):
    """How long silence may last in each phase, in seconds; None is for ever."""

    starting: float | None = 30.0
    asking_model: float | None = 300.0
    """Long thought before the first word is usual."""
    streaming: float | None = 120.0
    tool_busy: float | None = None
    tool_idle: float | None = 1_800.0
    """A tool may wait for a server, or for a lock that somebody else holds."""
    probe: float = 10.0
    """For the answer to a probe. An agent answers in milliseconds, a machine under load in seconds."""
    suspicion: float = 8.0
    """Phi from which silence is looked into."""
    shortest: float = 5.0
    """Silence below which nobody is suspected, however regular the rhythm was."""

    def of(self, phase: Phase) -> float | None:
        """The hard patience of `phase`."""
        match phase:
            case "starting":
                return self.starting
            case "asking_model":
                return self.asking_model
            case "streaming":
                return self.streaming
            case "tool_busy":
                return self.tool_busy
            case "tool_idle":
                return self.tool_idle
            case _:  # a person takes their time, and who has nothing to do is silent
                return None


class Facts(Struct, frozen=True, kw_only=True):
    """What was seen of a window."""

    alive: bool
    phase: Phase
    silence: float
    """Since the last event, or since the phase began, whichever is later."""
    blind: float = 0.0
    """The part of it in which we did not look: we were stopped, restarted or starved. It proves nothing."""
    unanswered: float | None = None
    """How long the oldest open probe has waited; None without one."""
    rhythm: Rhythm = Rhythm()
    """Gaps between events of this phase."""


class Well(Struct, frozen=True, kw_only=True):
    """Nothing is known against it."""


class Suspect(Struct, frozen=True, kw_only=True):
    """Silent for longer than it usually is: worth a probe, and nothing more."""

    reason: str


class Stuck(Struct, frozen=True, kw_only=True):
    """It does not move, and that is beyond patience."""

    hang: Hang
    """`wedge`: the process does not answer; `stall`: it may answer, but its work does not move."""
    reason: str


class Dead(Struct, frozen=True, kw_only=True):
    """There is no process."""

    reason: str


Health = Well | Suspect | Stuck | Dead


def judge(facts: Facts, patience: Patience) -> Health:
    """The state of a window's health at this moment."""
    if not facts.alive:
        return Dead(reason="its process has ended")
    if facts.phase == "asking_person":
        return Well()
    return _answering(facts, patience) or _progressing(facts, patience)


def _answering(facts: Facts, patience: Patience) -> Stuck | None:
    waited = (facts.unanswered or 0.0) - facts.blind
    if waited < patience.probe:
        return None
    return Stuck(hang="wedge", reason=f"it has not answered for {waited:.0f} s")


def _progressing(facts: Facts, patience: Patience) -> Health:
    hard = patience.of(facts.phase)
    if hard is None:
        return Well()
    silence = max(0.0, facts.silence - facts.blind)
    told = f"nothing has come for {silence:.0f} s while it was {_DOING[facts.phase]}"
    if silence >= hard:
        return Stuck(hang="stall", reason=told)
    surprising = silence >= patience.shortest and phi(silence, facts.rhythm) >= patience.suspicion
    # Half of the patience is time enough to find out whether the process answers at all.
    return Suspect(reason=told) if surprising or silence >= hard / 2 else Well()


_DOING: dict[Phase, str] = {
    "starting": "starting",
    "asking_model": "waiting for the model",
    "streaming": "answering",
    "tool_busy": "running a tool",
    "tool_idle": "running a tool that does nothing",
}
