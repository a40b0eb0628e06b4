"""What has become of a window's conversation and of the prompt at hand, folded from its log: without it a fleet that
comes back would not know what the processes it finds are in the middle of.

Pure. The same fold runs over events as they come and over those that an earlier fleet stored. How long nothing has come
is not its business: `fleet.verdicts.activity`.
"""

import uuid
from functools import reduce
from typing import Any

from msgspec import Struct, structs

from tianting.fleet.drivers.driver import (
    ContextFilled,
    ConversationKnown,
    Fault,
    Garbled,
    Limited,
    PersonAsked,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.store.records import LoggedEvent, PromptDone, StoredEvent


class Course(Struct, frozen=True, kw_only=True):
    """Where things stand after some event."""

    generation: int = 0
    conversation_id: str = ""
    """As the agent itself named it."""
    begun: bool = False
    """The conversation has a prompt in it, so that there is something to resume."""

    in_turn: bool = False
    questions: tuple[PersonAsked, ...] = ()
    limit: Limited | None = None
    """The last that was told of in this turn."""
    garbled: int = 0
    fault: Fault | None = None
    """Of the last turn, unless it went well."""
    spent_usd: float = 0.0
    context: ContextFilled | None = None

    taken: bool = False
    """The prompt at hand has become a part of the conversation; in whichever process."""
    takes: int = 0
    """How often it has, its repetitions counted."""
    processes: int = 0
    """Processes that have taken it."""
    took_here: bool = False
    """This process is one of them."""
    tools_ran: bool = False
    """Something may have had its effect since."""


def after(course: Course, event: LoggedEvent, generation: int) -> Course:
    """`course` once `event` has happened. What an older generation says changes nothing."""
    if generation < course.generation:
        return course
    return _after(course if generation == course.generation else succeeded(course, generation), event)


def folded(course: Course, events: tuple[StoredEvent, ...]) -> Course:
    """`course` after all of `events`."""
    return reduce(lambda before, one: after(before, one.event, one.generation), events, course)


def succeeded(course: Course, generation: int) -> Course:
    """A new process: it is in the middle of nothing, but what was done for the prompt stays done."""
    return Course(
        generation=generation,
        conversation_id=course.conversation_id,
        begun=course.begun,
        context=course.context,
        taken=course.taken,
        takes=course.takes,
        processes=course.processes,
        tools_ran=course.tools_ran,
    )


def standing(course: Course) -> Standing:
    """For a driver that takes the process over."""
    return Standing(
        in_turn=course.in_turn,
        open_questions=tuple(one.question_id for one in course.questions),
        spent_usd=course.spent_usd,
    )


def delivery_id(prompt_uuid: str, takes: int) -> str:
    """Under which uuid a prompt is handed over: agents skip one that they have taken before.

    Derived, so that a fleet that comes back knows it, too.
    """
    return prompt_uuid if takes == 0 else str(uuid.uuid5(uuid.NAMESPACE_OID, f"{prompt_uuid}/{takes}"))


def _after(course: Course, event: LoggedEvent) -> Course:
    match event:
        case PromptTaken():
            return _taken(course)
        case TurnDone():
            return _turn_over(course, event)
        case PromptDone():
            return structs.replace(course, taken=False, takes=0, processes=0, took_here=False, tools_ran=False)
        case PersonAsked():
            return structs.replace(course, questions=(*_without(course, event.question_id), event))
        case QuestionClosed():
            return structs.replace(course, questions=_without(course, event.question_id))
        case _:
            return structs.replace(course, **_noted(course, event))


def _noted(course: Course, event: LoggedEvent) -> dict[str, Any]:
    """What is only remembered."""
    match event:
        case TurnBegan() | ToolBegan():
            return {"in_turn": True, "limit": None} if isinstance(event, TurnBegan) else {"tools_ran": True}
        case ConversationKnown():
            return {"conversation_id": event.conversation_id}
        case Limited():
            return {"limit": event}
        case ContextFilled():
            return {"context": event}
        case Garbled():
            return {"garbled": course.garbled + 1}
        case _:
            return {}


def _taken(course: Course) -> Course:
    return structs.replace(
        course,
        begun=True,
        in_turn=True,
        taken=True,
        takes=course.takes + 1,
        processes=course.processes + (not course.took_here),
        took_here=True,
    )


def _turn_over(course: Course, done: TurnDone) -> Course:
    return structs.replace(
        course,
        in_turn=False,
        questions=(),
        fault=done.fault,
        spent_usd=course.spent_usd + done.cost_usd,
        tools_ran=course.tools_ran and course.taken,
    )


def _without(course: Course, question_id: str) -> tuple[PersonAsked, ...]:
    return tuple(one for one in course.questions if one.question_id != question_id)
