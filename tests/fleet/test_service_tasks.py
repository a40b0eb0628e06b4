"""Tasks as clients of a fleet ask for them."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.fleet.desk import SHARED, Desk
from tianting.fleet.door import words
from tianting.fleet.door.tasks import AwaitTask, CancelTask, Queued, ReadQueue, RunTask, TaskEnded, TaskRow, Ticketed
from tianting.fleet.service.tasks import TaskDesk
from tianting.fleet.tasks import TaskDone
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio


class Windows:
    """`service_tasks.WindowService`, which remembers what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def welcome(self) -> words.Answer:
        return words.Done(told="welcome")

    async def answer(self, ask: words.WindowAsk) -> words.Answer:
        self.asked.append(ask)
        return words.Done()

    async def stream(self, ask: words.Stream) -> AsyncGenerator[words.Answer]:
        self.asked.append(ask)
        yield words.Ended()


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    async with Desk(windows=1).open() as made:
        yield made


@pytest.fixture
def windows() -> Windows:
    return Windows()


@pytest.fixture
def service(desk: Desk, windows: Windows) -> TaskDesk:
    return TaskDesk(windows, desk.dispatcher, lambda name: desk.templates[name])


async def run(desk: Desk, service: TaskDesk, text: str, **more: str) -> str:
    accepted = await service.answer(RunTask(**{"text": text, "template": "py", "here": "/nowhere", **more}))
    await desk.settle()
    assert isinstance(accepted, Ticketed)
    return accepted.task


async def test_queue_shows_who_has_a_task_and_why_one_waits(desk: Desk, service: TaskDesk) -> None:
    first = await run(desk, service, "one\nand more")
    second = await run(desk, service, "two", owner="bob")

    at = desk.clock.time
    why = "every window is busy, and there is no room for another"
    assert await service.answer(ReadQueue()) == Queued(
        tasks=(
            TaskRow(task=first, text="one", window="w1", template="py", accepted_at=at),
            TaskRow(task=second, text="two", owner="bob", reason=why, template="py", accepted_at=at),
        )
    )


async def test_end_of_a_task_is_told(desk: Desk, service: TaskDesk) -> None:
    task = await run(desk, service, "one")
    await desk.answer("w1")

    done = TaskDone(window_id="w1", text="done: one")
    assert await service.answer(AwaitTask(task=task)) == TaskEnded(task=task, done=done)


async def test_task_is_cancelled_by_the_beginning_of_its_name(desk: Desk, service: TaskDesk) -> None:
    await run(desk, service, "one")
    second = await run(desk, service, "two")
    with pytest.raises(FleetError, match="'id' may be any of 2 tasks"):
        await service.answer(CancelTask(task="id"))

    with anyio.fail_after(5):
        ended = await service.answer(CancelTask(task=second))

    assert ended == TaskEnded(task=second, done=TaskDone(cancelled=True))


@pytest.mark.parametrize(
    ("cwd", "named", "works_in"),
    [
        pytest.param(SHARED, False, SHARED, id="where the template sends it"),
        pytest.param(None, False, "here", id="here"),
        pytest.param(SHARED, True, "tree", id="where it says"),
    ],
)
async def test_task_works(
    desk: Desk, service: TaskDesk, tmp_path: Path, cwd: str | None, named: bool, works_in: str
) -> None:
    places = {name: tmp_path / name for name in ("here", "tree")}
    for place in places.values():
        place.mkdir()
    desk.templates["py"] = structs.replace(desk.templates["py"], cwd=cwd)

    more = {"work_tree": str(places["tree"])} if named else {}
    await run(desk, service, "one", here=str(places["here"]), **more)

    assert desk.windows.rooms["w1"].window.cwd == str(places.get(works_in, works_in))


async def test_directory_that_is_not_there_is_refused(service: TaskDesk) -> None:
    with pytest.raises(FleetError, match="There is no directory /nowhere/at/all"):
        await service.answer(RunTask(text="one", template="py", here="/", work_tree="/nowhere/at/all"))


async def test_everything_else_goes_to_the_windows(desk: Desk, service: TaskDesk, windows: Windows) -> None:
    assert service.welcome() == words.Done(told="welcome")
    assert [one async for one in service.stream(words.Watch())] == [words.Ended()]
    await service.answer(words.ListWindows())
    await service.answer(words.EndFleet())
    await run(desk, service, "one")

    assert windows.asked == [words.Watch(), words.ListWindows(), words.EndFleet()]
    assert desk.running == {}
