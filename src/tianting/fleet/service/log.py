"""What is read out of a window's log when somebody asks: pages of it, and what its agent still wants to know."""

from collections.abc import AsyncGenerator

from tianting.fleet.drivers.driver import LineRead, PersonAsked, QuestionClosed
from tianting.fleet.store.records import StoredEvent
from tianting.fleet.store.store import Store

PAGE = 500


async def stored_events(store: Store, window_id: str, after: int, *, raw: bool) -> AsyncGenerator[StoredEvent, None]:
    """What has happened so far after the event `after`. `raw`: with the agent's own lines."""
    while True:
        page = await store.events(window_id, after=after, limit=PAGE)
        for stored in page.events:
            after = stored.sequence
            if raw or not isinstance(stored.event, LineRead):
                yield stored
        if not page.events or after >= page.last:
            return


async def open_question(store: Store, window_id: str, generation: int) -> PersonAsked | None:
    """The oldest question that the process of `generation` has asked and nobody has answered."""
    questions: dict[str, PersonAsked] = {}
    async for stored in stored_events(store, window_id, 0, raw=False):
        match stored.event:
            case PersonAsked() as asked if stored.generation == generation:
                questions[asked.question_id] = asked
            case QuestionClosed(question_id=closed):
                questions.pop(closed, None)
            case _:
                pass
    return next(iter(questions.values()), None)
