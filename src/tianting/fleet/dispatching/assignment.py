"""Where the next task goes in a fleet as it is: from windows and tasks to the facts that `scheduler.place` decides by.

    what its directory is → who works there → the windows it may have → scheduler.place → is there room for another?

A conversation that somebody has begun is never mixed with another, so a window that has one takes no task of a new one.
Pure.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from tianting.fleet.tasks import KeptTask, Task
from tianting.fleet.templates import Template
from tianting.fleet.verdicts import scheduler
from tianting.fleet.verdicts.scheduler import Candidate, Create, Place, Room, Wait
from tianting.fleet.window import OVER, Window


class Seat(Struct, frozen=True, kw_only=True):
    """A window, as far as tasks are concerned."""

    window: Window
    is_working: bool = False
    """It has a task, or owes somebody else an answer."""
    is_unused: bool = False
    """It was made for tasks, and has had none."""
    is_ours: bool = False
    """It was made for tasks: its process may be ended while there is nothing for it to do."""
    load: float = 0.0


class Worker(Struct, frozen=True, kw_only=True):
    """Somebody at work in a directory."""

    directory: str
    is_alone: bool
    """It was promised that nobody else works there."""


class Scene(Struct, frozen=True, kw_only=True):
    """The fleet at one moment."""

    seats: Mapping[str, Seat] = {}
    homes: Mapping[tuple[str, str], str] = {}
    """By owner and name: the window of each conversation."""
    running: Sequence[KeptTask] = ()
    """Tasks that windows have."""
    workers: Sequence[Worker] = ()
    """Of windows that work."""
    most_windows: int = 8
    """Made for tasks, alive at a time."""
    most_by_key: Mapping[str, int] = {}
    most_by_owner: int | None = None
    """Tasks of one owner that windows have at a time."""
    is_full: bool = False
    """The fleet has refused to make one more window, and none has ended since."""


class NeedsRoom(Struct, frozen=True, kw_only=True):
    """It could be given to a window if another were ended first."""


Assignment = Place | Create | Wait | NeedsRoom


def assignment(kept: KeptTask, scene: Scene, template: Template, random: Callable[[], float]) -> Assignment:
    """Where `kept` goes now. A window that is named may have to be started again first."""
    task = kept.task
    if (mine := scene.most_by_owner) is not None and _running_of(task.owner, scene) >= mine:
        return Wait(reason=f"{mine} tasks of its owner are being done")
    home = _home(task, scene)
    directory = home.window.cwd if home else task.work_tree or template.cwd or ""
    worker = Worker(directory=directory, is_alone=is_alone(task, directory, template))
    if any(in_the_way(worker, other) for other in scene.workers):
        reason = "its conversation is busy" if home and home.is_working else "somebody works in its work tree"
        return Wait(reason=reason)
    return _placed(task, scene, template, home, random)


def is_alone(task: Task, directory: str, template: Template) -> bool:
    """Whether nobody else may work in `directory` meanwhile: only where a template sends them they are side by side."""
    return task.work_tree is not None or directory != template.cwd


def in_the_way(one: Worker, other: Worker) -> bool:
    """Whether both cannot work at a time."""
    return one.directory == other.directory and (one.is_alone or other.is_alone)


def has_room(scene: Scene, template: Template) -> bool:
    """Whether one more window may be alive for tasks."""
    # One that is over and has a task is about to be started again.
    counted = (one for one in scene.seats.values() if one.is_working or one.window.status not in OVER)
    ours = [one.window for one in counted if one.is_ours]
    of_template = sum(window.template == template.name for window in ours)
    pool = template.pool
    return not scene.is_full and len(ours) < scene.most_windows and (pool is None or of_template < pool.max)


def idle_ones(scene: Scene) -> list[Window]:
    """Windows made for tasks that have nothing to do; the one that has rested longest first."""
    idle = [one.window for one in scene.seats.values() if one.is_ours and _is_free(one)]
    return sorted(idle, key=lambda window: (window.since, window.window_id))


def _placed(task: Task, scene: Scene, template: Template, home: Seat | None, random: Callable[[], float]) -> Assignment:
    counted: dict[str, int] = {}
    for one in scene.running:
        counted[one.task.key] = counted.get(one.task.key, 0) + 1
    known = {key: most for key, most in scene.most_by_key.items() if key}
    wanted = scheduler.Task(
        task_id="",
        owner=task.owner,
        template=task.template,
        conversation_id=task.conversation or "",
        worktree=task.work_tree or "",
        key=task.key,
    )
    candidates = [_candidate(one, task, home, template) for one in scene.seats.values() if _counts(one, home)]
    room = Room(running_by_key=counted, most_by_key=known)
    placed = scheduler.place(wanted, candidates, room, random)
    starts = isinstance(placed, Create) or (home is not None and home.window.status in OVER)
    if not isinstance(placed, Wait) and starts and not has_room(scene, template):
        return NeedsRoom()
    return placed


def _counts(one: Seat, home: Seat | None) -> bool:
    """Whether a task could be given to this window: an old one is only looked at for its own conversation."""
    return one is home or one.window.status not in OVER


def _candidate(one: Seat, task: Task, home: Seat | None, template: Template) -> Candidate:
    window = one.window
    conversation = "" if one.is_unused else f"of {window.window_id}"
    if one is home:
        conversation = task.conversation or ""
    return Candidate(
        window_id=window.window_id,
        template=window.template,
        owner=window.owner,
        conversation_id=conversation,
        worktree="" if task.work_tree is None and window.cwd == template.cwd else window.cwd,
        free=_is_free(one) or (one is home and window.status in OVER and not one.is_working),
        load=one.load,
    )


def _home(task: Task, scene: Scene) -> Seat | None:
    """The window in which its conversation lives."""
    if task.conversation is None:
        return None
    if (seat := scene.seats.get(scene.homes.get((task.owner, task.conversation), ""))) is not None:
        return seat
    of_agents = (one for one in scene.seats.values() if one.window.conversation_id == task.conversation)
    return next((one for one in of_agents if one.window.owner == task.owner), None)


def _is_free(one: Seat) -> bool:
    """A window that was just made takes a prompt before it is ready."""
    if one.is_working:
        return False
    return one.window.status == "ready" or (one.is_unused and one.window.status in {"requested", "starting"})


def _running_of(owner: str, scene: Scene) -> int:
    return sum(one.task.owner == owner for one in scene.running)
