"""Lets a session hear of its background jobs, and its model of those that are over, also between turns."""

import anyio

from tianting.agent.briefing import task_note
from tianting.agent.steering import Posted
from tianting.protocol.events import TaskFinished, TaskStarted
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import UserMessage
from tianting.session.session import Session
from tianting.tools.shell.background_jobs import Tell


def told_to(session: Session, *, wakes: bool) -> Tell:
    """What `BackgroundJobs.report_to` takes. The model hears before its next request, listeners at once.

    `wakes`: where no turn runs, the end of a job begins one, for somebody who is not there to ask how it went.
    """

    async def tell(event: TaskStarted | TaskFinished) -> None:
        await session.tell(event)
        if isinstance(event, TaskFinished) and event.is_news:
            _let_hear(session, task_note(event), wakes=wakes and not session.works)

    return tell


def _let_hear(session: Session, news: UserMessage, *, wakes: bool) -> None:
    try:
        if wakes:
            session.inbox.post(Posted(uuid=random_uuid(), message=news, priority="later"))
            return
    except anyio.ClosedResourceError:  # no turn follows any more
        pass
    session.announce(news)
