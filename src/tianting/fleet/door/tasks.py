"""What is said through the door of a fleet about tasks: prompts for whichever window suits, which owners share."""

from msgspec import Struct

from tianting.fleet.tasks import TaskDone


class RunTask(Struct, frozen=True, kw_only=True, tag_field="do", tag="run"):
    """A task. Answered by `Ticketed` once it cannot be lost any more; refused where it would wait too long."""

    text: str
    template: str
    here: str
    """The directory it works in where neither it nor its template names one."""
    work_tree: str | None = None
    """Nobody else works there meanwhile."""
    owner: str = ""
    conversation: str | None = None
    """The name of one that tasks have begun, or are to begin; or an agent's id of one."""


class AwaitTask(Struct, frozen=True, kw_only=True, tag_field="do", tag="await_task"):
    """Wait for the end of a task. Answered by `TaskEnded`, at once for one that has ended."""

    task: str
    """Its id; for one that is open, the beginning of it is enough."""


class CancelTask(Struct, frozen=True, kw_only=True, tag_field="do", tag="cancel"):
    """Withdraw a task, or end its turn. Answered by `TaskEnded`."""

    task: str


class ReadQueue(Struct, frozen=True, kw_only=True, tag_field="do", tag="queue"):
    """Answered by `Queued`."""


TaskAsk = RunTask | AwaitTask | CancelTask | ReadQueue


class Ticketed(Struct, frozen=True, kw_only=True, tag_field="is", tag="ticketed"):
    """The task will be done, whatever happens."""

    task: str


class TaskEnded(Struct, frozen=True, kw_only=True, tag_field="is", tag="task_ended"):
    """How it ended."""

    task: str
    done: TaskDone


class TaskRow(Struct, frozen=True, kw_only=True):
    """An open task as it is shown."""

    task: str
    text: str
    """The beginning of its first line."""
    template: str
    accepted_at: float
    """Unix time."""
    owner: str = ""
    conversation: str | None = None
    work_tree: str | None = None
    window: str = ""
    """Who has it; empty while it waits."""
    reason: str = ""
    """Why it waits."""


class Queued(Struct, frozen=True, kw_only=True, tag_field="is", tag="queued"):
    """All that windows have, then all that waits."""

    tasks: tuple[TaskRow, ...]


TaskAnswer = Ticketed | TaskEnded | Queued
