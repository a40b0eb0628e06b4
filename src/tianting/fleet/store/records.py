"""What the store gives back: rows as values, so that nobody else knows tables."""

from msgspec import Struct

from tianting.fleet.drivers.driver import AgentEvent, Fault, Prompt
from tianting.fleet.window import Status, Window
from tianting.protocol.errors import FleetError


class StoreError(FleetError):
    """The store cannot be opened or written. What had been acknowledged before is kept; what raised this is not."""


class WindowMoved(Struct, frozen=True, kw_only=True, tag=True):
    """A window changed its status. Stands in the log between what its agent said, so that one order holds for both."""

    status: Status
    reason: str = ""
    question: str | None = None
    parked_until: float | None = None


class PromptDone(Struct, frozen=True, kw_only=True, tag=True):
    """The one event that ends a prompt: with its answer, or with the reason why it gets none."""

    uuid: str
    text: str = ""
    fault: Fault | None = None
    interrupted: bool = False
    """A person wanted its turn to end."""


class Forewarned(Struct, frozen=True, kw_only=True, tag=True):
    """Something will go wrong before long, and only a person can prevent it."""

    reason: str


LoggedEvent = AgentEvent | WindowMoved | PromptDone | Forewarned


class StoredEvent(Struct, frozen=True, kw_only=True):
    """One event of a window's log."""

    sequence: int
    """Counts the events of one window, from 1; never given twice."""
    generation: int
    at: float
    """Unix time."""
    event: LoggedEvent


class Page(Struct, frozen=True, kw_only=True):
    """A part of a window's log, oldest first."""

    events: tuple[StoredEvent, ...]
    complete_after: int
    """Every event after this number is still there. Asked for what is older, somebody needs a `Snapshot` first."""
    last: int
    """The newest number given; 0 for none."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """A window as it is after the event `sequence`: where a follower begins when the log no longer reaches back."""

    window: Window
    sequence: int


class Generation(Struct, frozen=True, kw_only=True):
    """One process of a window."""

    window_id: str
    generation: int
    process_id: int | None = None
    process_started: float | None = None
    argv: tuple[str, ...] = ()
    cwd: str = ""
    native: bool = False
    variables: tuple[str, ...] = ()
    """Names only: values may be keys."""
    launched_at: float | None = None
    ended_at: float | None = None
    failure: str | None = None
    """Why it ended, in the fleet's word for it; None while it runs."""


class PendingPrompt(Struct, frozen=True, kw_only=True):
    """A prompt that was accepted and has no answer yet."""

    prompt: Prompt
    accepted_at: float
    delivered_to: int | None = None
    """The generation that took it; None while no agent has it."""


class Heartbeat(Struct, frozen=True, kw_only=True):
    """Proof that an agent answered."""

    window_id: str
    generation: int
    at: float
    took: float
    """Seconds."""


class Deed(Struct, frozen=True, kw_only=True):
    """Who did what, for the audit."""

    at: float
    actor: str
    action: str
    window_id: str = ""
    detail: str = ""


class Retention(Struct, frozen=True, kw_only=True):
    """How much of the past is kept. Windows, and prompts without an answer, are kept until somebody forgets them."""

    events: int = 20_000
    """Of each window."""
    event_age: float = 7 * 86_400
    """Seconds."""
    heartbeat_age: float = 86_400
    prompt_age: float = 30 * 86_400
    """Of answered ones, and of tasks that ended; until then the same prompt is not accepted a second time."""
    audit_age: float = 365 * 86_400
