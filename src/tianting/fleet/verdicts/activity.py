"""What a window is doing, and for how long nothing has come of it: what lies between events and `health`.

    TurnBegan → asking_model ─Progressed→ streaming ─ToolBegan→ tool ─ToolEnded→ asking_model … TurnDone → idle
    an open question hides all of it: asking_person

Only events that mean progress end a silence. A line that was read does not: the answer to our own probe is one, and an
agent whose stream hangs would look busy for ever. Pure; monotonic seconds, but for the provider's calendar.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, structs

from tianting.fleet.drivers.driver import (
    AgentEvent,
    Limited,
    ModelWaited,
    PersonAsked,
    Progressed,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.verdicts.health import Facts, Phase
from tianting.fleet.verdicts.phi import Rhythm

Stage = Literal["starting", "idle", "asking_model", "streaming"]

_UNSEEN = "begun under an earlier fleet"
"""Stands for a call that may be running in a process that was taken over: its silence may be work."""


class Activity(Struct, frozen=True, kw_only=True):
    """What one process is doing, as far as it has told."""

    stage: Stage = "starting"
    tools: frozenset[str] = frozenset()
    """Ids of the calls that run."""
    questions: frozenset[str] = frozenset()
    """Ids of what a person is being asked."""
    tools_ran: bool = False
    """A tool was begun in this turn: its prompt may not be blindly repeated."""
    last_event: float = 0.0
    excused_until: float = 0.0
    """The agent has said that it waits for a limit until then; only silence after that counts."""
    rhythms: Mapping[Stage, Rhythm] = {}
    """Gaps between events of the model. A tool has no rhythm, nor has a person."""

    @property
    def in_turn(self) -> bool:
        """A prompt is being worked on."""
        return self.stage in {"asking_model", "streaming"}


def begun(at: float) -> Activity:
    """A process that was just started."""
    return Activity(last_event=at)


def ready(activity: Activity, at: float) -> Activity:
    """It has shaken hands."""
    return structs.replace(activity, stage="idle", last_event=at)


def taken_over(standing: Standing, at: float) -> Activity:
    """A process that an earlier fleet has started. Whether tools run or had run is not known, so it is assumed."""
    return Activity(
        stage="asking_model" if standing.in_turn else "idle",
        tools=frozenset({_UNSEEN}) if standing.in_turn else frozenset(),
        questions=frozenset(standing.open_questions),
        tools_ran=standing.in_turn,
        last_event=at,
    )


def heard(activity: Activity, event: AgentEvent, at: float, *, wall: float) -> Activity:
    """`activity` after `event`. `at` in monotonic seconds; `wall` is the same moment in Unix time."""
    if isinstance(event, TurnBegan):
        return structs.replace(activity, stage="asking_model", tools_ran=False, last_event=at)
    if isinstance(event, TurnDone):
        nothing = frozenset[str]()
        return structs.replace(activity, stage="idle", tools=nothing, questions=nothing, last_event=at)
    if not activity.in_turn:  # what a background task says between turns begins none
        return activity
    after = _within_turn(activity, event, at, wall)
    if after is None:
        return activity
    return _timed(activity, structs.replace(after, tools=after.tools - {_UNSEEN}), at)


def facts(
    activity: Activity,
    now: float,
    *,
    alive: bool,
    busy_tree: bool,
    blind: float = 0.0,
    unanswered: float | None = None,
) -> Facts:
    """What `fleet.verdicts.health` judges. `busy_tree`: the window's processes have used time since the last look."""
    return Facts(
        alive=alive,
        phase=_phase(activity, busy_tree),
        silence=max(0.0, now - max(activity.last_event, activity.excused_until)),
        blind=blind,
        unanswered=unanswered,
        rhythm=Rhythm() if activity.tools else activity.rhythms.get(activity.stage, Rhythm()),
    )


def _phase(activity: Activity, busy_tree: bool) -> Phase:
    if activity.questions:
        return "asking_person"
    if activity.tools:
        return "tool_busy" if busy_tree else "tool_idle"
    return activity.stage


def _within_turn(activity: Activity, event: AgentEvent, at: float, wall: float) -> Activity | None:
    """The change that `event` makes; None where it is no progress."""
    change = structs.replace
    after: Activity | None = None
    match event:
        case ModelWaited():
            after = change(activity, stage="asking_model")
        case Progressed():
            after = change(activity, stage="streaming")
        case ToolBegan(call_id=call):
            after = change(activity, tools=activity.tools | {call}, tools_ran=True)
        case ToolEnded(call_id=call):
            after = change(activity, tools=activity.tools - {call}, stage="asking_model")
        case PersonAsked(question_id=question):
            after = change(activity, questions=activity.questions | {question})
        case QuestionClosed(question_id=question):
            after = change(activity, questions=activity.questions - {question})
        case Limited(until=until, retrying=True):
            excused = at + max(0.0, (until or wall) - wall)
            after = change(activity, stage="asking_model", excused_until=excused)
        case _:
            pass
    return after


def _timed(before: Activity, after: Activity, at: float) -> Activity:
    """`after`, with the gap that has just ended. Waiting for tools, people and limits is no rhythm of the model's."""
    if before.tools or before.questions or before.excused_until > before.last_event:
        return structs.replace(after, last_event=at)
    rhythm = before.rhythms.get(before.stage, Rhythm()).heard(at - before.last_event)
    return structs.replace(after, last_event=at, rhythms={**before.rhythms, before.stage: rhythm})
