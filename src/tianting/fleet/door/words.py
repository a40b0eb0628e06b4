"""Everything that can be said through the door of a fleet, in both directions: one vocabulary, so that the two sides
cannot drift apart.

    → {"id": 1, "ask": {"do": "send", "window": "3f2a", "text": "Mend the tests."}}
    ← {"to": 1, "say": {"is": "accepted", "window": "3f2a…", "prompt": "…", "after": 41}}
    ← {"to": 2, "say": {"is": "refused", "why": "There is no window 'x'."}}

One JSON object a line. Every ask gets one answer; `follow` and `watch` get any number, and `ended` behind them. Before
the first ask the fleet says `welcome`, under 0. Windows are named by id, by the beginning of it, or by their name.
"""

from typing import Literal

from msgspec import Struct

from tianting.fleet.door.tasks import TaskAnswer, TaskAsk
from tianting.fleet.ground.workspaces import Share
from tianting.fleet.store.records import StoredEvent
from tianting.fleet.window import Window

VOCABULARY = 1
"""Counts changes that an older side would not understand."""
LONGEST_LINE = 8 << 20
"""Bytes of one line, in either direction."""

Choice = Literal["none", "workspace", "strict"]
State = Literal["well", "suspect", "stuck", "dead"]


class Create(Struct, frozen=True, kw_only=True, tag_field="do", tag="create"):
    """A new window. What is not said is as its template has it. Answered by `Shown` before it is ready."""

    template: str
    """Of the settings, or the name of a kind."""
    cwd: str = ""
    """Absolute; empty is the template's, or `here` where that has none."""
    here: str = ""
    label: str = ""
    """What people call it; no two windows have the same."""
    program: str | None = None
    """Path of the agent's binary, or a name that is looked for in the window's PATH."""
    model: str | None = None
    permission_mode: str | None = None
    isolation: Choice | None = None
    worktree: str | None = None
    """A new branch in a git worktree of its own; empty lets the fleet choose its name."""
    passed: tuple[str, ...] = ()
    """Variables of the fleet's own environment that it gets beside those of its template."""
    shared: tuple[Share, ...] = ()
    """Directories that it has in common with the person who runs the fleet, likewise."""
    prompt: str = ""
    """Its first, if any."""


class ListWindows(Struct, frozen=True, kw_only=True, tag_field="do", tag="list"):
    """Answered by `Listing`."""


class Show(Struct, frozen=True, kw_only=True, tag_field="do", tag="show"):
    """Answered by `Shown`."""

    window: str


class AwaitReady(Struct, frozen=True, kw_only=True, tag_field="do", tag="await_ready"):
    """Wait until the window takes prompts. Answered by `Shown`, refused where it does not come to that."""

    window: str


class Send(Struct, frozen=True, kw_only=True, tag_field="do", tag="send"):
    """A prompt. Answered by `Accepted` once it cannot be lost any more."""

    window: str
    text: str


class Interrupt(Struct, frozen=True, kw_only=True, tag_field="do", tag="interrupt"):
    """End the turn that runs. Answered by `Done`."""

    window: str


class AnswerQuestion(Struct, frozen=True, kw_only=True, tag_field="do", tag="answer"):
    """Answer the oldest question that the window asks. Answered by `Done`."""

    window: str
    allow: bool
    text: str = ""
    question: str | None = None
    """Id of the question that is meant: then no other is answered."""


class Stop(Struct, frozen=True, kw_only=True, tag_field="do", tag="stop"):
    """End the process; the conversation stays. Answered by `Done` when it has ended."""

    window: str


class Restart(Struct, frozen=True, kw_only=True, tag_field="do", tag="restart"):
    """A new process for the same conversation. Answered by `Done` when it is under way."""

    window: str


class Destroy(Struct, frozen=True, kw_only=True, tag_field="do", tag="destroy"):
    """End a window and forget it. Refused while it works, owes answers or has unsaved work in a worktree of its own.

    `force` takes no notice of that; such a worktree is kept all the same. Answered by `Done`.
    """

    window: str
    force: bool = False


class CheckHealth(Struct, frozen=True, kw_only=True, tag_field="do", tag="health"):
    """Answered by `Checked`."""

    window: str | None = None
    """None is all that are not stopped."""


class Review(Struct, frozen=True, kw_only=True, tag_field="do", tag="review"):
    """What merging the window's worktree would bring. Answered by `Reviewed`."""

    window: str


class Merge(Struct, frozen=True, kw_only=True, tag_field="do", tag="merge"):
    """Merge the window's worktree into its base, whole or not at all. Answered by `Done`."""

    window: str


class ReadMetrics(Struct, frozen=True, kw_only=True, tag_field="do", tag="metrics"):
    """Answered by `Figures`."""


class Reload(Struct, frozen=True, kw_only=True, tag_field="do", tag="reload"):
    """Read the settings now. Answered by `Done`, or refused whole with what is wrong."""


class EndFleet(Struct, frozen=True, kw_only=True, tag_field="do", tag="end"):
    """Stop every window and end the fleet. Answered by `Done` when the windows have ended."""


class Follow(Struct, frozen=True, kw_only=True, tag_field="do", tag="follow"):
    """What happened and what happens. Each is a `Happened`."""

    window: str | None = None
    """None is all windows, those to come included."""
    after: int | None = None
    """Of one window: the number of the last event that is known. None begins with what happens next."""
    live: bool = True
    """Otherwise it ends with what has happened so far."""
    raw: bool = False
    """With the agents' own lines."""


class Watch(Struct, frozen=True, kw_only=True, tag_field="do", tag="watch"):
    """A `Listing` at once, and again every so often."""

    every: float = 1.0
    """Seconds; a quarter of one at least."""


WindowAsk = (
    Create
    | ListWindows
    | Show
    | AwaitReady
    | Send
    | Interrupt
    | AnswerQuestion
    | Stop
    | Restart
    | Destroy
    | CheckHealth
    | Review
    | Merge
    | ReadMetrics
    | Reload
    | EndFleet
)
"""What is asked of windows. Answered once, as all of `Ask`."""
Ask = WindowAsk | TaskAsk
Stream = Follow | Watch
"""Answered again and again."""


class Welcome(Struct, frozen=True, kw_only=True, tag_field="is", tag="welcome"):
    """Who answers here."""

    vocabulary: int
    version: str
    pid: int
    since: float
    """Unix time."""


class Row(Struct, frozen=True, kw_only=True):
    """A window as it is shown."""

    window: Window
    label: str = ""
    template: str = ""
    """As the person named it."""
    is_warm: bool = False
    """It was one of its template's spares, ready before it was asked for."""
    model: str | None = None
    open_prompts: int = 0
    memory: int | None = None
    """Bytes, of all its processes; None until it was measured."""
    cpu: float | None = None
    """Cores."""
    processes: int | None = None
    branch: str = ""
    """Of its own worktree."""
    log: str = ""
    """File of what its process writes to standard error."""


class Listing(Struct, frozen=True, kw_only=True, tag_field="is", tag="listing"):
    """All windows, the oldest first."""

    rows: tuple[Row, ...]
    room: int
    """As many may be alive."""


class Shown(Struct, frozen=True, kw_only=True, tag_field="is", tag="shown"):
    """One window."""

    row: Row
    last: int = 0
    """Number of its newest event."""
    prompt: str = ""
    """Of the prompt that came with its creation."""


class Accepted(Struct, frozen=True, kw_only=True, tag_field="is", tag="accepted"):
    """The prompt will be answered, whatever happens."""

    window: str
    prompt: str
    """Its `PromptDone` has this as `uuid`."""
    after: int
    """The events behind this number are about it, or younger."""


class Health(Struct, frozen=True, kw_only=True):
    """How it is with a window."""

    window: str
    label: str
    state: State
    reason: str = ""


class Checked(Struct, frozen=True, kw_only=True, tag_field="is", tag="checked"):
    """How it is."""

    windows: tuple[Health, ...]
    settings: str = ""
    """What is wrong with the settings file, whose last good state is in force."""


class Reviewed(Struct, frozen=True, kw_only=True, tag_field="is", tag="reviewed"):
    """What a merge would bring."""

    branch: str
    base: str
    commits: tuple[str, ...]
    diff: str
    uncommitted: tuple[str, ...]
    """Files that a merge would not bring."""


class Figures(Struct, frozen=True, kw_only=True, tag_field="is", tag="figures"):
    """Text as Prometheus reads it."""

    text: str


class Done(Struct, frozen=True, kw_only=True, tag_field="is", tag="done"):
    """It is done."""

    window: str = ""
    told: str = ""
    """A line for the person, if there is something to say."""


class Happened(Struct, frozen=True, kw_only=True, tag_field="is", tag="happened"):
    """One event of a window."""

    window: str
    label: str
    stored: StoredEvent


class Refused(Struct, frozen=True, kw_only=True, tag_field="is", tag="refused"):
    """It was not done; `why` is one line that says what to do."""

    why: str


class Ended(Struct, frozen=True, kw_only=True, tag_field="is", tag="ended"):
    """Nothing more comes to a `follow` or a `watch`."""


Answer = (
    Welcome | Listing | Shown | Accepted | Checked | Reviewed | Figures | Done | Happened | Refused | Ended | TaskAnswer
)


class Question(Struct, frozen=True, kw_only=True):
    """One line to the fleet."""

    id: int
    """Chosen by who asks, above 0; its answers bear it. Free again after the last of them."""
    ask: Ask | Stream


class Line(Struct, frozen=True, kw_only=True):
    """One line from the fleet."""

    to: int
    """Id of the question; 0 for what nobody asked, and for what could not be read."""
    say: Answer
