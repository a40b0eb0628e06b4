"""Which window takes a task, and whether there is room for it at all.

    the key has room?  →  the conversation's own window  →  a window in the same work tree
        →  the better of two that chance picks among those of the same template  →  a new one  →  wait

Two choices by chance keep the load nearly as even as a look at all of them would, and keep many tasks that arrive
together from choosing the same window. Pure: given the same facts and the same chance, the same window.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct


class Task(Struct, frozen=True, kw_only=True):
    """What is to be done."""

    task_id: str
    owner: str
    template: str
    conversation_id: str = ""
    """The conversation it goes on with; empty begins one."""
    worktree: str = ""
    """The directory it has to work in, beside others that do; empty is one of its own."""
    key: str = ""
    """The provider's key that it will be billed to."""


class Candidate(Struct, frozen=True, kw_only=True):
    """A window that is alive."""

    window_id: str
    template: str
    owner: str = ""
    """Empty: a spare that nobody has claimed."""
    conversation_id: str = ""
    worktree: str = ""
    """Empty: its own directory, shared with nobody. A process cannot be moved to another one."""
    free: bool = True
    """Ready for a prompt."""
    load: float = 0.0
    """How used it is, such as the share of its memory limit."""


class Room(Struct, frozen=True, kw_only=True):
    """What else there is room for."""

    running_by_key: Mapping[str, int] = {}
    most_by_key: Mapping[str, int] = {}
    """Turns at once for each key; a key that is not named has no limit."""
    may_create: bool = True
    """The template's pool and the owner's quota allow one more window."""


class Place(Struct, frozen=True, kw_only=True):
    """Give it to this window."""

    window_id: str


class Create(Struct, frozen=True, kw_only=True):
    """Start a window for it."""


class Wait(Struct, frozen=True, kw_only=True):
    """It stays in the queue."""

    reason: str


class Admit(Struct, frozen=True, kw_only=True):
    """It may join the queue."""


class Shed(Struct, frozen=True, kw_only=True):
    """Refuse it now: it would not be served in time."""

    retry_after: float
    """Seconds."""


Placement = Place | Create | Wait


def place(task: Task, candidates: Sequence[Candidate], room: Room, random: Callable[[], float]) -> Placement:
    """Where `task` goes. `random` gives numbers in [0, 1)."""
    limit = room.most_by_key.get(task.key)
    if limit is not None and room.running_by_key.get(task.key, 0) >= limit:
        return Wait(reason=f"{limit} turns of its key are running")
    theirs = [one for one in candidates if one.owner in {task.owner, ""}]
    return _by_conversation(task, theirs) or _by_worktree(task, theirs) or _by_load(task, theirs, room, random)


def admission(waiting: int, served_per_second: float, patience: float, random: Callable[[], float]) -> Admit | Shed:
    """Whether one more task may wait, given `waiting` before it. Nobody is refused while nothing is known.

    `patience` in seconds. Those who are refused are told different times, so that they do not return together.
    """
    if served_per_second <= 0:
        return Admit()
    wait = waiting / served_per_second
    if wait <= patience:
        return Admit()
    return Shed(retry_after=max(1.0, wait - patience) * (1 + random() / 2))


def _by_conversation(task: Task, theirs: Sequence[Candidate]) -> Placement | None:
    """A conversation lives in one window: a second one would write into the same transcript."""
    for one in theirs:
        if task.conversation_id and one.conversation_id == task.conversation_id:
            return Place(window_id=one.window_id) if one.free else Wait(reason="its conversation is busy")
    return None


def _by_worktree(task: Task, theirs: Sequence[Candidate]) -> Placement | None:
    """Two agents at work in one tree undo each other's edits."""
    there = [one for one in theirs if task.worktree and one.worktree == task.worktree]
    if not all(one.free for one in there):
        return Wait(reason="somebody works in its work tree")
    fitting = [one for one in there if _takes(one, task)]
    return Place(window_id=min(fitting, key=_load).window_id) if fitting else None


def _by_load(task: Task, theirs: Sequence[Candidate], room: Room, random: Callable[[], float]) -> Placement:
    free = [one for one in theirs if one.free and _takes(one, task) and one.worktree == task.worktree]
    if free:
        return Place(window_id=min(_two(free, random), key=_load).window_id)
    return Create() if room.may_create else Wait(reason="every window is busy, and there is no room for another")


def _takes(one: Candidate, task: Task) -> bool:
    """A window that has a conversation goes on with no other."""
    return one.template == task.template and one.conversation_id == ""


def _two(free: Sequence[Candidate], random: Callable[[], float]) -> Sequence[Candidate]:
    """Two different ones, or the only one."""
    if len(free) == 1:
        return free
    first = int(random() * len(free))
    second = (first + 1 + int(random() * (len(free) - 1))) % len(free)
    return free[first], free[second]


def _load(one: Candidate) -> tuple[float, str]:
    return one.load, one.window_id
