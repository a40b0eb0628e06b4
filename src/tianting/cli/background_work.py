"""Lets a session hear of its background jobs, and its model of those that are over, also between turns."""

from tianting.agent.briefing import task_note
from tianting.protocol.events import TaskFinished, TaskStarted
from tianting.session.session import Session
from tianting.tools.shell.background_jobs import Tell


def told_to(session: Session) -> Tell:
    """What `BackgroundJobs.report_to` takes. The model hears before its next request, listeners at once."""

    async def tell(event: TaskStarted | TaskFinished) -> None:
        if isinstance(event, TaskFinished) and event.is_news:
            session.announce(task_note(event))
        await session.tell(event)

    return tell
