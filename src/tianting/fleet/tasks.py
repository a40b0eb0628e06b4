"""What people leave with a fleet to be done, whichever window does it: without these words a queue would hold prompts
that nobody could give to another window.

    Task → accepted (kept from here on) → waiting → given to a window → TaskDone
                                             ↑ its window failed, once
"""

from msgspec import Struct

from tianting.fleet.drivers.driver import Fault
from tianting.protocol.errors import FleetError


class FleetBusy(FleetError):
    """One more task would wait too long; it was not accepted."""

    def __init__(self, waiting: int, retry_after: float) -> None:
        super().__init__(f"{waiting} tasks wait before this one: try again in {retry_after:.0f} seconds.")
        self.retry_after = retry_after
        """Seconds. Each who is refused is told another time, so that they do not return together."""


class NoSuchTask(FleetError):
    """It was never accepted, or has ended so long ago that it is forgotten."""


class Task(Struct, frozen=True, kw_only=True):
    """One prompt, and what it needs."""

    text: str
    template: str
    owner: str = ""
    conversation: str | None = None
    """It is said in this one, which is begun if there is none: an agent's id of a conversation, or any name that
    several tasks have. None is a conversation of its own."""
    work_tree: str | None = None
    """The directory it works in, and nobody else meanwhile. None is the template's, beside others."""
    key: str = ""
    """The provider's key that it is billed to."""


class TaskDone(Struct, frozen=True, kw_only=True):
    """How a task ended. Without a fault, and not cancelled, `text` is the answer."""

    window_id: str = ""
    """Where it was done last; empty where it never came to a window."""
    text: str = ""
    fault: Fault | None = None
    cancelled: bool = False
    """Withdrawn, or its turn interrupted, by a person."""


class KeptTask(Struct, frozen=True, kw_only=True):
    """A task as it is stored."""

    task_id: str
    task: Task
    accepted_at: float
    """Unix time."""
    waits: bool = True
    """It is in the queue; otherwise its window has it, or it is done."""
    window_id: str = ""
    """The window that has accepted its prompt."""
    prompt: str = ""
    """Uuid under which that window has it: given a second time, it changes nothing."""
    is_guest: bool = False
    """That window was made by somebody for himself, and is none of the tasks' own."""
    after: int = 0
    """What the window's log says of it has a higher number."""
    troubles: tuple[str, ...] = ()
    """Why windows failed under it."""
    withdrawn: bool = False
    """It was cancelled after a window had it; its turn is being interrupted."""
    ended_at: float | None = None
    done: TaskDone | None = None


class TaskBook(Struct, frozen=True, kw_only=True):
    """What a fleet that comes back must know of tasks."""

    open: tuple[KeptTask, ...] = ()
    """Those that have not ended, in the order in which they were accepted."""
    conversations: dict[tuple[str, str], str] = {}
    """By owner and name: the window that each conversation lives in."""
    windows: frozenset[str] = frozenset()
    """Those that were made for tasks and had one."""
